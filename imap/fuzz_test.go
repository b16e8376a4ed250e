package imap

import (
	"net"
	"strings"
	"testing"
	"time"

	"sealpost/imap/wire"
	"sealpost/mailstore"
)

// FuzzArguments: whatever stands behind a command, in whatever state, reading it
// ends and nothing panics; and a set that was chosen lies within the mailbox.
func FuzzArguments(f *testing.F) {
	for _, s := range []string{
		`alice "pass word"`, `{5}` + "\r\nalice x", `(SUBSCRIBED) "" ("*" %) RETURN (STATUS (MESSAGES) MYRIGHTS)`,
		`INBOX (QRESYNC (7 9 1:* (1,2 3,4)))`, `1:*,3 (FLAGS BODY.PEEK[1.2.HEADER.FIELDS (a "b")]<1.2>) (CHANGEDSINCE 1)`,
		`1 (UNCHANGEDSINCE 5) +FLAGS.SILENT (\Seen x)`, `INBOX (\Seen) "02-Jan-2006 15:04:05 +0100" `,
		`$ ALL`, `*:4294967295 FAST`, `BINARY.SIZE[1]`, `INBOX (MESSAGES UIDNEXT)`, `SET STATUS (selected-delayed (MessageNew (uid body.peek[]) MessageExpunge)) (subtree (a "b") (MailboxName))`, `RETURN (PARTIAL -1:-100 COUNT) OR MODSEQ 5 OLDER 3`,
		`(MAXSIZE 5 DEPTH infinity)`, `(/private/a NIL /shared/b "x")`, `500 1:3`, "\x01\x02/a\x01b",
	} {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, args string, in bool) {
		here, there := net.Pipe()
		defer here.Close()
		defer there.Close()
		s := &session{server: &Server{Limits: DefaultLimits, Now: time.Now}, wire: wire.New(here, wire.Times{Write: time.Millisecond})}
		if !in {
			r := &request{Command: wire.Command{Name: "LOGIN", Args: wire.Parse(args)}}
			if s.login(r) == nil {
				t.Fatal("somebody came in without TLS")
			}
			return
		}
		s.account, s.enabled.qresync = "x", true
		s.box = &view{set: mailstore.UIDsOf(1, 3, 9)}
		parseAll(t, s, args)
	})
}

func parseAll(t *testing.T, s *session, args string) {
	at := func() *wire.Parser { p := wire.Parse(args); return &p }
	(&listing{}).parse(at(), true)
	p := at()
	p.Box(false)
	s.selectParams(p)
	statusList(at())
	parseStore(at())
	n := notifying{session: s, watch: &watch{}}
	if n.parse(at()) == nil && (n.names > watchNames || len(n.watch.groups) > watchGroups) {
		t.Fatal("more is watched than may be")
	}
	parseAppend(*at(), &wire.Literal{Size: 1}, true)
	s.searching(*at()).search()
	(&metadataOptions{}).parse(at())
	entryList(at())
	entryValues(at())
	parseEntries([]byte(args))
	s.uidBatches(&request{Command: wire.Command{Tag: "a", Args: *at()}})
	p = at()
	if spans, err := s.places(p, true); err == nil {
		for at := range each(spans) {
			if at < 0 || at >= s.box.count() {
				t.Fatalf("%q chooses place %d", args, at)
			}
		}
	}
	g := fetch{session: s, view: s.box, wire: s.wire, asked: map[string]bool{}}
	if g.parse(p, true) == nil {
		for _, i := range g.items {
			if strings.ContainsAny(i.name, "\r\n") || i.want != nil && strings.ContainsAny(i.want.spelled, "\r\n") {
				t.Fatalf("%q would be answered with a line end", args)
			}
		}
	}
}
