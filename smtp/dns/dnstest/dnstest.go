// Package dnstest is a name server for tests: it serves a zone written in a few
// lines on a loopback port, can fail, lie, be slow and set the AD bit on purpose.
package dnstest
