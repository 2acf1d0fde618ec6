// The one way from a page to the server: Axios with Django's CSRF token.
import axios from "../vendor/axios/esm/axios.min.js";

export const api = axios.create({
  timeout: 10000,
  xsrfCookieName: "csrftoken",
  xsrfHeaderName: "X-CSRFToken",
});

// Ask for `url` unless it is still as `etag` says. Resolves to {etag, data}; data is null when nothing has changed.
export async function ifChanged(url, etag) {
  const answer = await api.get(url, {
    headers: etag ? { "If-None-Match": etag } : {},
    validateStatus: (status) => status === 200 || status === 304,
  });
  return { etag: answer.headers.etag || etag, data: answer.status === 304 ? null : answer.data };
}
