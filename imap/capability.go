package imap

import (
	"strconv"
	"strings"
)

// always is said to everybody.
const always = "IMAP4rev2 IMAP4rev1 ID SASL-IR"

// offered is what a signed-in client may use, beside what is always said.
var offered = []string{
	"LITERAL+", "UNSELECT", "ENABLE", "IDLE", "UTF8=ACCEPT", "NAMESPACE", "UIDPLUS", "ESEARCH", "SEARCHRES",
	"LIST-EXTENDED", "LIST-STATUS", "CHILDREN", "SPECIAL-USE", "CREATE-SPECIAL-USE", "MOVE",
	"SORT", "SORT=DISPLAY", "ESORT", "CONTEXT=SEARCH", "CONTEXT=SORT", "THREAD=ORDEREDSUBJECT", "THREAD=REFERENCES",
	"STATUS=SIZE", "BINARY", "CONDSTORE", "QRESYNC", "UIDONLY", "PARTIAL", "WITHIN", "OBJECTID",
	"SAVEDATE", "PREVIEW", "REPLACE", "MULTIAPPEND", "LIST-MYRIGHTS", "INPROGRESS", "NOTIFY",
	"QUOTA", "QUOTA=RES-STORAGE", "METADATA", "LIST-METADATA", "UIDBATCHES",
}

// capability is CAPABILITY (RFC 9051, section 6.1.1).
func (s *session) capability(*request) error {
	s.wire.Str("* CAPABILITY " + s.capabilities() + "\r\n")
	return nil
}

// capabilities before sign-in and after. Without TLS nobody signs in (ATTACKS D04).
func (s *session) capabilities() string {
	switch {
	case s.state() != stranger:
		return always + " " + strings.Join(offered, " ") + " APPENDLIMIT=" + strconv.FormatInt(s.server.Limits.Message, 10)
	case s.tls:
		return always + " LITERAL- AUTH=" + strings.Join(s.caller().Mechanisms(), " AUTH=")
	case s.server.TLS != nil:
		return always + " LITERAL- STARTTLS LOGINDISABLED"
	default:
		return always + " LITERAL- LOGINDISABLED"
	}
}
