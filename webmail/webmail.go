// Package webmail is the HTTP door: what the world fetches from a mail server
// without signing in (WKD, MTA-STS policy, autoconfiguration), and the browser
// client with its API.
//
// It never sees a private key or a readable mail.
package webmail
