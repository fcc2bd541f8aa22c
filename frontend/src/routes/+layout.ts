// Everything happens in the browser: the server that answers has no Node.
export const ssr = false;
export const prerender = false;
