/** Who asks. Until owners come, there is one: `local`. No function takes an owner from a request body. */
export type Caller = { readonly owner: string }

export const LOCAL: Caller = { owner: 'local' }
