package carry

import (
	"encoding/binary"
	"time"

	"sealpost/account"
	"sealpost/account/signin"
	"sealpost/filestore"
	"sealpost/filestore/drive"
	"sealpost/mailstore"
	"sealpost/mailstore/cabinet"
)

// A Record is one thing that an engine holds of an owner, in no engine's form.
type Record interface {
	// encode appends what a digest is made of: every field, in one form only.
	encode(b []byte) []byte
	// remap is the record with other ids of its blobs.
	remap(to func(filestore.Ref) (filestore.ID, error)) (Record, error)
	// into puts it into a batch, and says about how many bytes that is more.
	into(b *Batch) int
}

// Blobs of a Record are what it points at.
func Blobs(r Record) (all []filestore.Ref) {
	r.remap(func(ref filestore.Ref) (filestore.ID, error) {
		all = append(all, ref)
		return ref.ID, nil
	})
	return all
}

type (
	// Owner are an owner's counters.
	Owner struct{ mailstore.Books }
	// Mailbox is one without its mail; Subscribed says nothing.
	Mailbox struct{ mailstore.Mailbox }
	// Keyword is one in use in a mailbox, in the spelling that is shown.
	Keyword struct {
		Box      mailstore.MailboxID
		Spelling string
		Messages int
	}
	// Message is both halves of one. Those of a mailbox come with the highest UID first.
	Message struct {
		Box   mailstore.MailboxID
		Entry mailstore.Entry
		Mail  mailstore.Mail
	}
	// Expunged is a UID that was, for who comes back (RFC 7162).
	Expunged struct {
		Box    mailstore.MailboxID
		Modseq mailstore.Modseq
		UID    mailstore.UID
	}
	// Share is a blob that more than one entry points at.
	Share struct {
		Blob    filestore.ID
		Entries int
	}
	Subscription struct{ Name string }
	// Note are octets beside a mailbox, or with 0 beside the owner.
	Note struct {
		Box    mailstore.MailboxID
		Octets []byte
	}
	Shelf  struct{ cabinet.Shelf }
	Box    struct{ cabinet.Box }
	Totals struct{ drive.Totals }
	Object struct{ drive.Object }
	Part   struct {
		Object drive.ID
		drive.Part
	}
	Link    struct{ drive.Link }
	Request struct{ drive.Request }
	// Sealed is a row under the node key, which opens it in its place only.
	Sealed struct {
		Kind        Kind
		Key, Octets []byte
	}
	// SignIn and Account have the revision they had.
	SignIn  struct{ signin.Record }
	Account struct{ account.Account }
	// Former is an address that nobody gets, since its account is gone.
	Former struct{ Sum [32]byte }
)

// Kind is what a sealed row is about.
type Kind string

// Kinds are the words that engines have for them.
const (
	Peers    Kind = "peers"
	Papers   Kind = "papers"
	Values   Kind = "values"
	Policies Kind = "policies"
)

func begin(b []byte, kind string, numbers ...uint64) []byte {
	return nums(append(append(b, kind...), 0), numbers...)
}

func nums(b []byte, numbers ...uint64) []byte {
	for _, n := range numbers {
		b = binary.AppendUvarint(b, n)
	}
	return b
}

func text[T ~string | ~[]byte](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// at is a time in whole seconds: engines keep no more of these.
func at(b []byte, t time.Time) []byte { return binary.AppendVarint(b, t.Unix()) }

func yes(v bool) uint64 {
	if v {
		return 1
	}
	return 0
}

func ref(b []byte, r filestore.Ref) []byte { return nums(append(b, r.ID[:]...), uint64(r.Size)) }

func (r Owner) encode(b []byte) []byte {
	return begin(b, "owner", uint64(r.Modseq), uint64(r.Box), uint64(r.Valid), uint64(r.Bytes), uint64(r.Messages), uint64(r.Quota))
}

func (r Mailbox) encode(b []byte) []byte {
	b = begin(b, "mailbox", uint64(r.ID), uint64(r.UIDValidity), uint64(r.UIDNext), uint64(r.Modseq), uint64(r.Floor),
		uint64(r.Messages), uint64(r.Unseen), uint64(r.Deleted), uint64(r.Expunged), uint64(r.Bytes))
	return text(text(b, r.Name), r.Use)
}

func (r Keyword) encode(b []byte) []byte {
	return text(begin(b, "keyword", uint64(r.Box), uint64(r.Messages)), r.Spelling)
}

func (r Message) encode(b []byte) []byte {
	e, m := r.Entry, r.Mail
	b = begin(b, "message", uint64(r.Box), uint64(e.UID), uint64(e.Modseq), uint64(e.Size), uint64(len(e.Flags)))
	for _, f := range e.Flags {
		b = text(b, f)
	}
	b = at(at(b, e.Received), e.Saved)
	b = nums(append(b, m.ID[:]...), uint64(m.Form), uint64(len(m.Letters)))
	for _, l := range m.Letters {
		b = ref(append(b, byte(l.Kind)), l.Ref)
	}
	return text(text(text(b, string(m.Class)), m.Outer), m.Envelope)
}

func (r Expunged) encode(b []byte) []byte {
	return begin(b, "expunged", uint64(r.Box), uint64(r.Modseq), uint64(r.UID))
}

func (r Share) encode(b []byte) []byte {
	return append(begin(b, "share", uint64(r.Entries)), r.Blob[:]...)
}

func (r Subscription) encode(b []byte) []byte { return text(begin(b, "subscription"), r.Name) }
func (r Note) encode(b []byte) []byte         { return text(begin(b, "note", uint64(r.Box)), r.Octets) }

func (r Shelf) encode(b []byte) []byte {
	return begin(b, "shelf", uint64(r.Change), uint64(r.Floor), uint64(r.Boxes), uint64(r.Bytes), uint64(r.Gone))
}

func (r Box) encode(b []byte) []byte {
	b = begin(b, "box", uint64(r.Version), uint64(r.Change), yes(r.Gone))
	return text(text(at(ref(b, r.Blob), r.Modified), r.Drawer), r.Name)
}

func (r Totals) encode(b []byte) []byte {
	return begin(b, "drive", uint64(r.Objects), uint64(r.Uploads), uint64(r.Brought), uint64(r.Links), uint64(r.Requests), uint64(r.Bytes))
}

func (r Object) encode(b []byte) []byte {
	b = append(begin(b, "object", uint64(r.Size), yes(r.Whole)), r.ID[:]...)
	b = append(append(b, r.Request[:]...), r.Mail[:]...)
	if b = at(b, r.Created); !r.Whole {
		b = at(b, r.Touched)
	}
	return text(b, r.Head)
}

func (r Part) encode(b []byte) []byte {
	b = append(begin(b, "part", uint64(r.N)), r.Object[:]...)
	return ref(append(b, r.Sum[:]...), r.Blob)
}

func (r Link) encode(b []byte) []byte {
	b = begin(b, "link", uint64(r.Most), uint64(r.Count), yes(r.Revoked), yes(r.Killed), uint64(len(r.Used)))
	for _, t := range r.Used {
		b = at(b, t)
	}
	b = append(append(at(at(b, r.Created), r.Expires), r.ID[:]...), r.Object[:]...)
	return text(text(text(text(b, string(r.Owner)), r.Box), r.KDF), r.Check)
}

func (r Request) encode(b []byte) []byte {
	b = begin(b, "request", uint64(r.MostFiles), uint64(r.MostBytes), uint64(r.Files), uint64(r.Bytes), uint64(r.Coming), yes(r.Revoked))
	b = append(at(at(b, r.Created), r.Expires), r.ID[:]...)
	return text(text(b, string(r.Owner)), r.Box)
}

func (r Sealed) encode(b []byte) []byte {
	return text(text(text(begin(b, "sealed"), string(r.Kind)), r.Key), r.Octets)
}

func (r SignIn) encode(b []byte) []byte {
	b = begin(b, "signin", r.Revision, uint64(len(r.Tokens)))
	for _, t := range r.Tokens {
		b = append(b, t[:]...)
	}
	return text(text(text(b, string(r.Account)), r.Keys), r.Sealed)
}

func (r Account) encode(b []byte) []byte {
	row, err := account.EncodeRow(r.Account)
	if err != nil { // none of its fields can fail; two that do are not taken for the same
		row = []byte(err.Error() + time.Now().String())
	}
	return text(text(begin(b, "account"), string(r.ID)), row)
}

func (r Former) encode(b []byte) []byte { return append(begin(b, "former"), r.Sum[:]...) }
