// Package report writes and reads reports that mail servers send each other:
// DMARC aggregate reports (RFC 9990), failure reports (RFC 9991, read only) and
// SMTP TLS reports (RFC 8460). Counting is done here too, in memory and by the
// day; it keeps no addresses, only domains and numbers.
//
// It never sends anything and never knows a mailbox.
package report
