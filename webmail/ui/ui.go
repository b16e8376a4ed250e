// Package ui holds the browser client as it was built: the files of dist, made from
// src by `make web` and committed, so that Go alone builds the whole product.
//
// It never knows accounts, mail or keys. Invariant: what it serves is dist, byte for
// byte; CI builds dist from its sources again and compares.
package ui

import "embed"

//go:embed all:dist
var files embed.FS
