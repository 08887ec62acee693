/** The fenced blocks of a Markdown page in one language, without their fences. */
export function blocks(page: string, language: string): readonly string[] {
  const fenced = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms')
  return [...page.matchAll(fenced)].map(([, block = '']) => block)
}
