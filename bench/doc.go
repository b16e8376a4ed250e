// Command bench measures sealpost beside Postfix and Dovecot, on one machine,
// in one run, with one load client, and writes docs/performance.md.
//
// It holds the load client, the set-up of each server and the arithmetic of
// the report. It never knows how sealpost works: it drives the real binary
// over its sockets, with accounts added by the real commands, as it drives the
// others.
//
// Invariants: every server lives in one temporary folder and on loopback ports
// of its own, and is stopped at the end; nothing of the system's own Postfix or
// Dovecot is read or changed; every wait and every count is bounded; a figure
// that was not measured is not printed.
package main
