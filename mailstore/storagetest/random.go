package storagetest

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"sealpost/filestore"
	"sealpost/mailstore"
	"sealpost/pgp"
)

// Thorough says whether suites are to look at everything: with -long, and where a seeded fault is looked for.
// Else they look at what finds most in the time that every commit has.
func Thorough() bool { return os.Getenv("SEALPOST_OVERLAY") != "" || slices.Contains(os.Args, "-long") }

// Engines run these histories in many forms, and each run has new ones: 25 do where rapid takes 100 by
// itself.
func init() {
	if !Thorough() {
		if err := flag.Set("rapid.checks", "25"); err != nil {
			panic(err)
		}
	}
}

// testRandom applies random calls to an engine and to the Model and wants the
// same answers and the same state from both.
func testRandom(t *testing.T, open Open) {
	rapid.Check(t, func(rt *rapid.T) {
		fixture, model := startPair(t, open)
		for range rapid.IntRange(1, 12).Draw(rt, "calls") {
			owner := rapid.SampledFrom([]mailstore.Owner{alice, alice, alice, bob}).Draw(rt, "owner")
			changes := drawChanges(rt, dump(t, model, owner))
			compare(rt, t, fixture, model, owner, changes)
		}
		Check(rt, fixture.Engine, alice, bob)
		if fixture.Engine.Check != nil {
			fixture.Engine.Check(rt)
		}
		if fixture.Close != nil {
			fixture.Close()
		}
	})
}

func startPair(t testing.TB, open Open) (*fixture, *Model) {
	f := newFixture(t, open, 1<<20)
	model := NewModel(Options{Now: f.now, Remember: 1 << 20})
	for _, o := range []mailstore.Owner{alice, bob} {
		changes := []mailstore.Change{
			mailstore.SetQuota{}, mailstore.Create{Name: "INBOX"}, mailstore.Create{Name: "a"}, mailstore.Create{Name: "a/b"},
			mailstore.Append{Box: 1, Mail: mailNumbered(1), Size: 5}, mailstore.Append{Box: 1, Mail: mailNumbered(2), Size: 6},
			mailstore.Copy{From: 1, To: 2, UIDs: []mailstore.UID{1, 2}},
		}
		for _, x := range []mailstore.Index{f, model} {
			if _, err := x.Apply(context.Background(), o, changes); err != nil {
				t.Fatal(err)
			}
		}
	}
	return f, model
}

func mailNumbered(n int) mailstore.Mail {
	m := newMail(1 + n%3)
	for i := range m.Letters {
		m.Letters[i].Size = int64(100 * (i + n%5))
	}
	return m
}

func compare(rt *rapid.T, t testing.TB, f *fixture, model *Model, o mailstore.Owner, changes []mailstore.Change) {
	got, err := f.Apply(context.Background(), o, changes)
	want, wantErr := model.Apply(context.Background(), o, changes)
	if kind(err) != kind(wantErr) {
		rt.Fatalf("%s\nengine: %v, model: %v", tell(changes), err, wantErr)
	}
	for _, events := range [][]mailstore.Event{got, want} {
		for i := range events {
			slices.SortFunc(events[i].Freed, func(a, b filestore.ID) int { return cmp.Compare(string(a[:]), string(b[:])) })
		}
	}
	if !reflect.DeepEqual(got, want) {
		rt.Fatalf("%s\nengine: %+v\nmodel:  %+v", tell(changes), got, want)
	}
	if a, b := dump(t, f, o), dump(t, model, o); !reflect.DeepEqual(a, b) {
		rt.Fatalf("%s\nengine: %+v\nmodel:  %+v", tell(changes), a, b)
	}
}

func tell(changes []mailstore.Change) (s string) {
	for _, c := range changes {
		s += fmt.Sprintf("%T%+v ", c, c)
	}
	return s
}

// kind is the error a caller can act on.
func kind(err error) error {
	for _, k := range []error{
		mailstore.ErrNoMailbox, mailstore.ErrExists, mailstore.ErrNoMail, mailstore.ErrOverQuota, mailstore.ErrName,
		mailstore.ErrInbox, mailstore.ErrFlag, mailstore.ErrUse, mailstore.ErrTooMany, mailstore.ErrNoOwner, mailstore.ErrLetter,
		mailstore.ErrChanged, mailstore.ErrNotes,
	} {
		if errors.Is(err, k) {
			return k
		}
	}
	return err
}

func drawChanges(rt *rapid.T, s state) []mailstore.Change {
	d := drawer{rt: rt, boxes: []mailstore.MailboxID{1, 2, 99, mailstore.NoteImports}, notes: s.Notes}
	for _, b := range s.Boxes {
		d.boxes = append(d.boxes, b.ID, b.ID, b.ID)
		d.last = max(d.last, b.ID)
	}
	d.boxes = append(d.boxes, d.last+1) // what a Create in the same call may be given
	var changes []mailstore.Change
	for range rapid.IntRange(1, 5).Draw(rt, "changes") {
		changes = append(changes, d.change())
	}
	return changes
}

type drawer struct {
	rt    *rapid.T
	boxes []mailstore.MailboxID
	last  mailstore.MailboxID
	notes map[mailstore.MailboxID]string
}

func (d drawer) box() mailstore.MailboxID { return rapid.SampledFrom(d.boxes).Draw(d.rt, "box") }

func (d drawer) name() string {
	return rapid.SampledFrom([]string{"INBOX", "inbox", "a", "a/b", "a/b/c", "a/c", "b", "b/a/b", "INBOX/x", "c/", "a//b"}).Draw(d.rt, "name")
}

func (d drawer) uids() []mailstore.UID {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) mailstore.UID { return mailstore.UID(rapid.IntRange(1, 8).Draw(t, "uid")) }), 0, 5).Draw(d.rt, "uids")
}

func (d drawer) flags() []string {
	return rapid.SliceOfN(rapid.SampledFrom([]string{`\Seen`, `\seen`, `\Deleted`, `\Flagged`, "k", "K", "other", `\Recent`, `\Seen`, `\Deleted`}), 0, 4).Draw(d.rt, "flags")
}

func (d drawer) letters() (all []mailstore.Stored) {
	for range rapid.IntRange(0, 2).Draw(d.rt, "letters") {
		l := mailstore.Stored{Kind: rapid.SampledFrom([]pgp.Kind{
			pgp.KindCard, pgp.KindTerms, pgp.KindTerms, pgp.KindCard, pgp.KindTerms, pgp.KindBody,
		}).Draw(d.rt, "letter")}
		fill(l.ID[:])
		l.Size = int64(rapid.SampledFrom([]int{0, 100, 2000}).Draw(d.rt, "size"))
		all = append(all, l)
	}
	return all
}

func (d drawer) change() mailstore.Change {
	switch rapid.IntRange(0, 32).Draw(d.rt, "kind") {
	case 0:
		return mailstore.SetQuota{Bytes: rapid.SampledFrom([]int64{0, 0, 1000, 3000}).Draw(d.rt, "quota")}
	case 1, 2:
		return mailstore.Create{Name: d.name(), Use: rapid.SampledFrom([]string{"", "", `\Sent`, `\All`}).Draw(d.rt, "use")}
	case 3, 4:
		return mailstore.Rename{From: d.name(), To: d.name()}
	case 5:
		return mailstore.Remove{Name: d.name()}
	case 6:
		return mailstore.Subscribe{Name: d.name(), On: rapid.Bool().Draw(d.rt, "on")}
	case 7, 8, 9:
		return mailstore.SetFlags{
			Box: d.box(), UIDs: d.uids(), Op: mailstore.FlagOp(rapid.IntRange(0, 2).Draw(d.rt, "op")), Flags: d.flags(),
			Unless: mailstore.Modseq(rapid.SampledFrom([]int{0, 0, 5, 8}).Draw(d.rt, "unless")),
		}
	case 10, 11, 12:
		return mailstore.Copy{From: d.box(), To: d.box(), UIDs: d.uids()}
	case 13, 14, 15:
		return mailstore.Move{From: d.box(), To: d.box(), UIDs: d.uids()}
	case 16, 17:
		return mailstore.Expunge{Box: d.box(), UIDs: d.uids(), OnlyDeleted: rapid.Bool().Draw(d.rt, "only")}
	case 18:
		return mailstore.Expunge{Box: d.box(), OnlyDeleted: rapid.Bool().Draw(d.rt, "only")}
	case 19, 20, 21:
		return mailstore.PutLetters{Box: d.box(), UID: mailstore.UID(rapid.IntRange(1, 6).Draw(d.rt, "uid")), Letters: d.letters()}
	case 22, 23, 24:
		return mailstore.Shed{Box: d.box(), UIDs: d.uids(), Kinds: rapid.SliceOfN(rapid.SampledFrom([]pgp.Kind{
			pgp.KindCard, pgp.KindTerms, pgp.KindTerms, pgp.KindTerms, pgp.KindMessage,
		}), 0, 2).Draw(d.rt, "kinds")}
	case 25, 26:
		return mailstore.Reseal{Box: d.box(), UID: mailstore.UID(rapid.IntRange(1, 6).Draw(d.rt, "uid")), Size: 11, Letters: append(d.letters(), letter(pgp.KindMessage, 100))}
	case 27:
		if rapid.IntRange(0, 3).Draw(d.rt, "rarely") == 0 {
			return mailstore.Forget{}
		}
		fallthrough
	case 28, 29:
		box := rapid.SampledFrom(append(d.boxes, 0)).Draw(d.rt, "box")
		return mailstore.Note{Box: box, Was: []byte(d.notes[box]), Now: []byte(rapid.SampledFrom([]string{"", "x", "yy"}).Draw(d.rt, "note"))}
	default:
		return mailstore.Append{Box: d.box(), Mail: mailNumbered(rapid.IntRange(0, 9).Draw(d.rt, "mail")), Size: 10, Flags: d.flags()}
	}
}
