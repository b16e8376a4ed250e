// Package move carries mail in and out: from mbox, Maildir and other IMAP servers
// into mailboxes, sealed on the way, and out again as its owner holds it.
//
// It never keeps what it reads, and never needs a private key to bring mail in.
package move
