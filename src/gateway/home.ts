import type { Reply } from './ask.ts'
import { HTML, PAGE_END, PAGE_POLICY, pageHead } from './page.ts'

const TEXT = `${pageHead('IPFS gateway')}<h1>IPFS gateway</h1>
<p>This is the read-only gateway of a PRSM IPFS node. Content stands under <code>/ipfs/CID</code> or
<code>/ipfs/CID/path</code>; <code>?format=raw</code>, <code>car</code> and <code>tar</code> give it as
blocks and archives.</p>
${PAGE_END}`

/** What is at `/`. */
export const HOME: Reply = {
  status: 200,
  headers: {
    'content-type': HTML,
    'content-length': Buffer.byteLength(TEXT),
    'content-security-policy': PAGE_POLICY,
    'cache-control': 'no-cache',
  },
  body: TEXT,
  label: 'home',
}
