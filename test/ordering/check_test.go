package ordering_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	. "sealpost/test/ordering"
)

// script is a log made by hand: each line takes ten units of time, one after the other.
type script struct {
	now int64
	log []*Record
}

func (s *script) add(r Record) *Record {
	if r.Box == "" {
		r.Box = "INBOX"
	}
	if r.Client == "" {
		r.Client = "a"
	}
	if r.Node == "" {
		r.Node = "n1"
	}
	if r.Answer == "" {
		r.Answer = OK
	}
	if r.End == 0 {
		r.Start, r.End = s.now, s.now+10
	}
	s.now = max(s.now, r.End) + 1
	if r.Do == Look || r.Do == Status {
		r.Valid = max(r.Valid, 7)
	}
	s.log = append(s.log, &r)
	r.Line = len(s.log)
	return &r
}

func (s *script) put(mark string, uid uint32) *Record {
	return s.add(Record{Do: Put, Mark: mark, UID: uid})
}

func (s *script) look(next uint32, highest uint64, seen ...Message) *Record {
	r := s.add(Record{Do: Look, Next: next, Highest: highest, Count: len(seen), Whole: true, Seen: seen})
	r.Mid = r.Start + 5
	return r
}

func (s *script) sync(since uint64, next uint32, highest uint64, changed []Message, gone []uint32, seen ...Message) *Record {
	r := s.look(next, highest, seen...)
	r.Since, r.Changed, r.Gone = since, changed, gone
	return r
}

func msg(uid uint32, mark string, modseq uint64, flags ...string) Message {
	return Message{UID: uid, Mark: mark, Modseq: modseq, Flags: flags}
}

// good is a log in which all is well: two mails, a flag, a move, an expunge, a sync, and operations
// that were not answered.
func good() *script {
	s := &script{}
	s.put("m1", 1)
	s.look(2, 10, msg(1, "m1", 10))
	s.add(Record{Do: Put, Mark: "m2", UID: 2, Flags: []string{`\Seen`}})
	s.add(Record{Do: Put, Mark: "m3", Answer: Cut})
	s.add(Record{Do: Store, Asked: []uint32{1}, Flag: "$One", On: true, Seen: []Message{msg(1, "", 13, "$One")}})
	s.sync(10, 4, 13, []Message{msg(1, "", 13, "$One"), msg(2, "", 11, `\Seen`), msg(3, "", 12)}, nil,
		msg(1, "m1", 13, "$One"), msg(2, "m2", 11, `\Seen`), msg(3, "m3", 12))
	s.add(Record{Do: Move, Box: "Archive", Source: "INBOX", Asked: []uint32{2}, Pairs: [][2]uint32{{2, 1}}})
	s.add(Record{Do: Expunge, Asked: []uint32{3}, Answer: Cut})
	s.add(Record{Do: Status, Next: 4, Highest: 15})
	s.add(Record{Do: Store, Asked: []uint32{1}, Flag: "$One", Answer: Cut})
	s.sync(13, 4, 15, nil, []uint32{2, 3}, msg(1, "m1", 13, "$One"))
	s.add(Record{Do: Store, Asked: []uint32{1}, Flag: "$Two", On: true, Unless: 13, Seen: []Message{msg(1, "", 17, "$Two")}})
	s.look(4, 17, msg(1, "m1", 17, "$Two"))
	archive := s.look(2, 14, msg(1, "m2", 14, `\Seen`))
	archive.Box = "Archive"
	s.add(Record{Do: Read, Seen: []Message{{UID: 1, Mark: "m1"}}})
	return s
}

func TestGoodLog(t *testing.T) {
	t.Parallel()
	for _, f := range Check(good().log) {
		t.Error(f)
	}
}

// Each way in which a log can be wrong is found, and by the rule that is about it.
func TestAnomalies(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, rule string
		spoil      func(s *script)
	}{
		{"UIDNEXT falls", RuleNumbers, func(s *script) { s.add(Record{Do: Status, Next: 3, Highest: 17}) }},
		{"UIDNEXT falls through another node", RuleNumbers, func(s *script) { s.look(2, 17, msg(1, "m1", 17, "$Two")).Node = "n2" }},
		{"UIDNEXT below what was acknowledged", RuleNumbers, func(s *script) { s.put("m4", 4); s.add(Record{Do: Status, Next: 4, Highest: 18}) }},
		{"HIGHESTMODSEQ falls", RuleNumbers, func(s *script) { s.add(Record{Do: Status, Next: 4, Highest: 16}) }},
		{"HIGHESTMODSEQ below what was shown", RuleNumbers, func(s *script) {
			s.add(Record{Do: Told, Seen: []Message{msg(1, "", 20, "$Two", "$Old")}})
			s.look(4, 19, msg(1, "m1", 20, "$Two", "$Old"))
		}},
		{"UIDVALIDITY changes", RuleNumbers, func(s *script) { s.add(Record{Do: Status, Valid: 8, Next: 4, Highest: 17}) }},
		{"a UID at UIDNEXT", RuleNumbers, func(s *script) { s.look(4, 17, msg(1, "m1", 17, "$Two"), msg(4, "m4", 18)) }},
		{"a later mail with a smaller UID", RuleAscend, func(s *script) { s.put("m5", 5); s.put("m4", 4) }},
		{"a UID below UIDNEXT is given", RuleAscend, func(s *script) { s.add(Record{Do: Status, Next: 6, Highest: 17}); s.put("m4", 5) }},
		{"a UID is given again", RuleTwice, func(s *script) { s.put("m3b", 3) }},
		{"a mail that was not answered has a smaller UID", RuleAscend, func(s *script) {
			s.put("m6", 6)
			s.add(Record{Do: Put, Mark: "m5", Answer: Cut})
			s.look(7, 20, msg(1, "m1", 17, "$Two"), msg(5, "m5", 19), msg(6, "m6", 18))
		}},
		{"a smaller UID becomes visible late", RuleLate, func(s *script) {
			s.add(Record{Do: Put, Mark: "m4", UID: 4, Start: s.now, End: s.now + 100})
			s.add(Record{Do: Put, Mark: "m5", UID: 5, Start: s.now - 90, End: s.now - 80})
			s.add(Record{Do: Look, Start: s.now - 70, Mid: s.now - 65, End: s.now - 60, Next: 6, Highest: 19, Whole: true, Count: 2,
				Seen: []Message{msg(1, "m1", 17, "$Two"), msg(5, "m5", 19)}})
			s.look(6, 19, msg(1, "m1", 17, "$Two"), msg(4, "m4", 18), msg(5, "m5", 19))
		}},
		{"a new message at or below HIGHESTMODSEQ", RuleLate, func(s *script) {
			s.put("m4", 4)
			s.look(5, 18, msg(1, "m1", 17, "$Two"), msg(4, "m4", 17))
		}},
		{"a change at or below HIGHESTMODSEQ", RuleLate, func(s *script) {
			s.look(4, 30, msg(1, "m1", 17, "$Two"))
			s.look(4, 30, msg(1, "m1", 29, "$Two", "$New"))
		}},
		{"a message is shown as it was before", RuleLate, func(s *script) { s.look(4, 17, msg(1, "m1", 13, "$One")) }},
		{"a UID becomes another mail", RuleIdentity, func(s *script) { s.look(4, 17, msg(1, "mX", 17, "$Two")) }},
		{"a MODSEQ becomes other flags", RuleIdentity, func(s *script) { s.look(4, 17, msg(1, "m1", 17, "$Two", "$X")) }},
		{"a mail is there twice", RuleTwice, func(s *script) {
			s.look(5, 20, msg(1, "m1", 17, "$Two"), msg(4, "m1", 18))
		}},
		{"an acknowledged mail is not there", RuleLost, func(s *script) { s.put("m4", 4); s.look(5, 18, msg(1, "m1", 17, "$Two")) }},
		{"an acknowledged mail without a UID was never seen", RuleLost, func(s *script) { s.put("m4", 0); s.look(4, 17, msg(1, "m1", 17, "$Two")) }},
		{"what was seen is not there any more", RuleLost, func(s *script) { s.look(4, 18) }},
		{"what was not acknowledged and seen is lost", RuleLost, func(s *script) {
			s.add(Record{Do: Put, Mark: "m4", Answer: Cut})
			s.look(5, 18, msg(1, "m1", 17, "$Two"), msg(4, "m4", 18))
			s.look(5, 18, msg(1, "m1", 17, "$Two"))
		}},
		{"VANISHED without anybody who removed it", RuleLost, func(s *script) { s.add(Record{Do: Told, Gone: []uint32{1}}) }},
		{"a moved mail is in neither mailbox", RuleLost, func(s *script) {
			s.look(2, 14).Box = "Archive"
		}},
		{"a mail comes back after VANISHED", RuleGone, func(s *script) {
			s.add(Record{Do: Put, Mark: "m3", Answer: Cut})
			s.look(4, 20, msg(1, "m1", 17, "$Two"), msg(3, "m3", 12))
		}},
		{"a moved mail stays where it was", RuleGone, func(s *script) { s.look(4, 17, msg(1, "m1", 17, "$Two"), msg(2, "m2", 11, `\Seen`)) }},
		{"an acknowledged flag is not seen", RuleFlags, func(s *script) {
			s.add(Record{Do: Store, Asked: []uint32{1}, Flag: "$Own", On: true})
			s.look(4, 18, msg(1, "m1", 18, "$Two"))
		}},
		{"a flag nobody stored", RuleFlags, func(s *script) {
			s.add(Record{Do: Store, Asked: []uint32{1}, Flag: "$Own"})
			s.look(4, 18, msg(1, "m1", 18, "$Two", "$Own"))
		}},
		{"a flag that was put is not seen", RuleFlags, func(s *script) {
			s.add(Record{Do: Put, Mark: "m4", UID: 4, Flags: []string{`\Flagged`}})
			s.look(5, 18, msg(1, "m1", 17, "$Two"), msg(4, "m4", 18))
		}},
		{"a flag that was not answered comes and goes", RuleFlags, func(s *script) {
			s.add(Record{Do: Store, Asked: []uint32{1}, Flag: "$Own", On: false})
			s.add(Record{Do: Store, Asked: []uint32{1}, Flag: "$Own", On: true, Answer: Cut})
			s.look(4, 19, msg(1, "m1", 18, "$Two", "$Own"))
			s.look(4, 19, msg(1, "m1", 19, "$Two"))
		}},
		{"two nodes see two writes in two orders", RuleFlags, func(s *script) {
			at := s.now
			s.add(Record{Do: Store, Asked: []uint32{1}, Flag: "$Own", On: true, Start: at, End: at + 100})
			s.add(Record{Do: Store, Asked: []uint32{1}, Flag: "$Own", On: false, Start: at, End: at + 100})
			s.add(Record{Do: Told, Start: at + 110, End: at + 120, Seen: []Message{msg(1, "", 19, "$Two", "$Own")}})
			s.add(Record{Do: Told, Start: at + 130, End: at + 140, Seen: []Message{msg(1, "", 20, "$Two")}})
		}},
		{"UNCHANGEDSINCE does not keep what changed", RuleFlags, func(s *script) {
			s.add(Record{Do: Told, Seen: []Message{msg(1, "", 18, "$Two", "$Old")}})
			s.add(Record{Do: Store, Asked: []uint32{1}, Flag: "$Own", On: true, Unless: 17, Seen: []Message{msg(1, "", 19, "$Two", "$Old", "$Own")}})
		}},
		{"QRESYNC leaves out a change", RuleSync, func(s *script) {
			s.add(Record{Client: "b", Do: Store, Asked: []uint32{1}, Flag: "$Own", On: true})
			s.sync(17, 4, 18, nil, nil, msg(1, "m1", 18, "$Two", "$Own"))
		}},
		{"QRESYNC leaves out a mail", RuleSync, func(s *script) {
			s.add(Record{Client: "b", Do: Put, Mark: "m4", UID: 4})
			s.sync(17, 5, 18, nil, nil, msg(1, "m1", 17, "$Two"), msg(4, "m4", 18))
		}},
		{"QRESYNC leaves out an expunge", RuleSync, func(s *script) {
			s.add(Record{Client: "b", Do: Expunge, Asked: []uint32{1}})
			s.sync(17, 4, 18, nil, nil)
		}},
		{"QRESYNC leaves out a change below one that came with NO", RuleSync, func(s *script) {
			s.sync(17, 5, 19, []Message{msg(4, "", 18)}, nil, msg(1, "m1", 17, "$Two"), msg(4, "m4", 18))
			s.add(Record{Do: Store, Asked: []uint32{1, 4}, Flag: "$Own", On: true, Answer: No})
			s.add(Record{Do: Told, Answer: No, Seen: []Message{msg(1, "", 20, "$Two", "$Own")}})
			s.sync(20, 5, 20, nil, nil, msg(1, "m1", 20, "$Two", "$Own"), msg(4, "m4", 20, "$Own"))
		}},
		{"QRESYNC leaves out what was told when the answer was cut", RuleSync, func(s *script) {
			s.add(Record{Do: Store, Asked: []uint32{1}, Flag: "$Own", On: true, Answer: Cut})
			s.add(Record{Do: Told, Answer: Cut, Seen: []Message{msg(1, "", 20, "$Two", "$Own")}})
			s.sync(17, 4, 20, nil, nil, msg(1, "m1", 20, "$Two", "$Own"))
		}},
		{"QRESYNC leaves out what a SELECT told that was refused", RuleSync, func(s *script) {
			s.add(Record{Client: "b", Do: Store, Asked: []uint32{1}, Flag: "$Own", On: true})
			s.add(Record{Do: Look, Answer: No, Since: 17, Changed: []Message{msg(1, "", 20, "$Two", "$Own")}})
			s.sync(17, 4, 20, nil, nil, msg(1, "m1", 20, "$Two", "$Own"))
		}},
		{"a body is another's", RuleBodies, func(s *script) { s.add(Record{Do: Read, Seen: []Message{{UID: 1, Mark: "m2"}}}) }},
		{"a body cannot be read", RuleBodies, func(s *script) { s.put("m4", 4); s.look(5, 18, msg(1, "m1", 17, "$Two"), msg(4, "m4", 18)) }},
		{"nobody looked in the end", RuleProof, func(s *script) { s.put("m4", 4) }},
		{"nobody looked through one node", RuleProof, func(s *script) { s.add(Record{Do: Status, Node: "n2", Next: 4, Highest: 17}) }},
		{"nothing happened", RuleProof, func(s *script) { s.log = nil }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := good()
			c.spoil(s)
			for i, r := range s.log {
				r.Line = i + 1
			}
			found := Check(s.log)
			if !slices.ContainsFunc(found, func(f Finding) bool { return f.Rule == c.rule }) {
				t.Errorf("rule %q found nothing; all that was found: %v", c.rule, found)
			}
			for _, f := range found {
				if len(f.Lines) == 0 && len(s.log) > 0 && f.Rule != RuleProof {
					t.Errorf("%v names no lines", f)
				}
			}
		})
	}
}

// Histories of one flag that no order explains, and such that one does.
func TestUnanswered(t *testing.T) {
	t.Parallel()
	s := good()
	s.add(Record{Do: Store, Asked: []uint32{1}, Flag: "$Own", On: false})
	s.add(Record{Do: Store, Asked: []uint32{1}, Flag: "$Own", On: true, Answer: Cut})
	s.add(Record{Do: Store, Asked: []uint32{1}, Flag: "$Own", On: false, Answer: No})
	s.add(Record{Do: Store, Asked: []uint32{1}, Flag: "$Own", On: true, Answer: No})
	for i, on := range []bool{false, true, true, false, true, true} { // late, undone and done again
		flags := []string{"$Two"}
		if on {
			flags = append(flags, "$Own")
		}
		s.look(4, uint64(20+i), msg(1, "m1", uint64(20+i), flags...))
	}
	for _, f := range Check(s.log) {
		t.Error(f)
	}
	s.look(4, 27, msg(1, "m1", 26, "$Two"))
	if len(Check(s.log)) == 0 {
		t.Error("two writes that may have happened explain three changes")
	}
}

// What came with a NO is known: it need not be told again.
func TestRefusedAndTold(t *testing.T) {
	t.Parallel()
	s := good()
	s.add(Record{Do: Store, Asked: []uint32{1}, Flag: "$Own", On: true, Answer: No})
	s.add(Record{Do: Told, Answer: No, Seen: []Message{msg(1, "", 20, "$Two", "$Own")}})
	s.sync(20, 4, 20, nil, nil, msg(1, "m1", 20, "$Two", "$Own"))
	for _, f := range Check(s.log) {
		t.Error(f)
	}
}

// A log that was written to a file is the same log.
func TestLogFile(t *testing.T) {
	t.Parallel()
	var file bytes.Buffer
	l := NewLog(&file)
	for _, r := range good().log {
		l.Add(r)
	}
	if _, err := l.Records(); err != nil {
		t.Fatal(err)
	}
	text := file.String()
	back, err := ReadLog(&file)
	if err != nil || len(back) != len(good().log) || len(Check(back)) > 0 {
		t.Fatalf("%d lines came back, %v", len(back), err)
	}
	if _, err := ReadLog(strings.NewReader(text + "{\n")); err == nil {
		t.Error("half a line is read")
	}
	if got := Sum(back); !strings.Contains(got, "look 5") {
		t.Errorf("sum is %q", got)
	}
}
