/** An OAuth2 app, as a host has it. */
export interface Client {
  client_id: string
  client_secret: string
  redirect_uri: string
}
