/** An OAuth2 app, as a host has it. */
export interface Client {
  client_id: string
  client_secret: string
  redirect_uri: string
  /** It may go without its secret, RFC 6749 §2.1. */
  is_public: boolean
}
