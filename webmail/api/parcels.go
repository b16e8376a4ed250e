package api

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"sealpost/account"
	"sealpost/filestore/spool"
	rfc "sealpost/mail"
	"sealpost/mailstore"
	"sealpost/pgp"
	"sealpost/smtp/inbound/rules"
)

const (
	tagParcels   = "Parcels"
	parcelDrawer = "parcels"
	mostAnswer   = 16 << 20
	answerTime   = 10 * time.Minute
	answerHead   = 16 << 10 // bytes of an answer's header
	proofHeader  = "Parcel-Proof"
)

// parcelAsked names a parcel. Nothing is said of a name that cannot be one but what is
// said of one that is not there.
type parcelAsked struct {
	raw
	Account string `path:"account"`
	Name    string `path:"name"`
}

func parcelOperations(s service) {
	const place = "/parcels/{account}/{name}"
	route(s, op{
		name: "parcel", method: http.MethodGet, path: place, tag: tagParcels, access: forAnybody, time: flowTime, answer: octets("application/octet-stream"),
		about: "What somebody of this server sealed under a password for whoever has its link. 404 if it has ended, was taken back, or never was.",
	}, s.sendParcel)
	route(s, op{
		name: "answer-parcel", method: http.MethodPost, path: place + "/answers", tag: tagParcels, access: forAnybody, time: answerTime, body: mostAnswer,
		accept: octets("message/rfc822"),
		about: "Answers a parcel, by a mail that is encrypted to its sender. " + proofHeader +
			" is what only its password gives (base64). 409 too-many: it has all the answers it may have.",
	}, s.answerParcel)
	route(s, op{
		name: "parcel-key", method: http.MethodGet, path: place + "/key", tag: tagParcels, access: forAnybody, answer: octets("application/pgp-keys"),
		about: "The certificate to encrypt an answer to, for who has " + proofHeader + ": its owner may have replaced the encryption key since the parcel was made.",
	}, s.parcelKey)
}

// strange is a stranger's way to a parcel: not too often from one network, and not too
// often to one parcel, whether it is there or not.
func (s service) strange(in *parcelAsked) (leave func(), err error) {
	if s.Parcels == nil {
		return nil, notFound()
	}
	from := networkOf(hostOf(in.r)).String()
	sum := sha256.Sum256([]byte(in.Account + "/" + in.Name))
	if !s.strangers.allow("from "+from) || !s.strangers.allow("to "+string(sum[:])) {
		return nil, slowDown(10)
	}
	return s.gates.strange.enter(account.ID("from " + from))
}

// networkOf is the network that one customer may hold.
func networkOf(ip netip.Addr) netip.Prefix {
	bits := 48
	if ip.Is4() {
		bits = 24
	}
	p, _ := ip.WithZone("").Prefix(bits) // of none, none
	return p
}

func (s service) sendParcel(ctx context.Context, in *parcelAsked) (*stream, error) {
	leave, err := s.strange(in)
	if err != nil {
		return nil, err
	}
	blob, err := s.Parcels.Open(ctx, mailstore.Owner(in.Account), in.Name)
	if err != nil {
		leave()
		return nil, err
	}
	return streamed(func(w http.ResponseWriter, r *http.Request) {
		defer leave()
		defer blob.Close()
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", fmt.Sprint(blob.Size()))
		checked := &careful{SectionReader: io.NewSectionReader(blob, 0, blob.Size())}
		_, _ = io.Copy(s.flow(w), checked)
		if checked.err != nil {
			s.cut(ctx, "parcel", checked.err)
		}
	}), nil
}

// proof is what only a parcel's password gives; nil: none.
func (in *parcelAsked) proof() []byte {
	proof, err := base64.StdEncoding.DecodeString(in.r.Header.Get(proofHeader))
	if err != nil {
		return nil
	}
	return proof
}

// parcelKey is told to who opened a parcel, and has the certificate of that day in it.
func (s service) parcelKey(ctx context.Context, in *parcelAsked) (*stream, error) {
	leave, err := s.strange(in)
	if err != nil {
		return nil, err
	}
	defer leave()
	if err := s.Parcels.May(ctx, mailstore.Owner(in.Account), in.Name, in.proof()); err != nil {
		return nil, err
	}
	a, err := s.Book.Account(ctx, account.ID(in.Account))
	if err != nil {
		return nil, err
	}
	return streamed(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/pgp-keys")
		w.Header().Set("Content-Length", fmt.Sprint(len(a.Cert)))
		_, _ = w.Write(a.Cert)
	}), nil
}

// answerParcel lets a mail into an INBOX that no session and no other server brings.
// Who may is known before it is read; what it is, before it is stored.
func (s service) answerParcel(ctx context.Context, in *parcelAsked) (*struct{}, error) {
	leave, err := s.strange(in)
	if err != nil {
		return nil, err
	}
	defer leave()
	o := mailstore.Owner(in.Account)
	if err := s.Parcels.May(ctx, o, in.Name, in.proof()); err != nil {
		return nil, err
	}
	whole := spool.New(s.Sending.Spool, spoolMemory, mostAnswer+mostAnswer/8)
	defer whole.Close()
	sum := sha256.New()
	lines, from := rfc.NewLineEnds(io.MultiWriter(whole, sum)), &bodyReader{r: in.r.Body}
	if _, err = io.Copy(lines, from); err == nil {
		err = lines.Close()
	}
	switch {
	case from.err != nil:
		return nil, unread(from.err)
	case err != nil:
		return nil, fmt.Errorf("spool answer: %w", err)
	}
	return nil, s.storeAnswer(ctx, o, in.Name, [sha256.Size]byte(sum.Sum(nil)), whole)
}

// storeAnswer passes its owner's rules, which see what they see of any end-to-end mail:
// who it says it is from, to whom, its size and its class. Nobody is told that its owner
// is away: an answer has no reverse-path.
func (s service) storeAnswer(ctx context.Context, o mailstore.Owner, name string, sum [sha256.Size]byte, mail *spool.Spool) error {
	m, sealed, err := s.sealAnswer(ctx, account.ID(o), mail)
	if err != nil {
		return err
	}
	done, err := s.Parcels.Begin(ctx, o, name, sum)
	if err != nil || done {
		return err
	}
	var out rules.Outcome
	if s.Sending.Rules != nil {
		out = s.Sending.Rules.Decide(ctx, m)
	}
	e, box, err := out.Deliver(ctx, s.Store, s.Log, o, mailstore.Delivery{Box: mailstore.Inbox, Sealed: sealed, Received: s.Now()})
	if err != nil {
		if mailstore.Refused(err) { // else it may have been stored
			err = errors.Join(err, s.Parcels.End(ctx, o, name, sum, false))
		}
		return err
	}
	if s.Sending.Push != nil && box == mailstore.Inbox {
		s.Sending.Push.Stored(string(o))
	}
	if err := s.Parcels.End(ctx, o, name, sum, true); err != nil {
		return err
	}
	if s.Sending.Rules != nil {
		s.Sending.Rules.Follow(ctx, s.Store, m, out, e)
	}
	return nil
}

// sealAnswer takes nothing but mail that its writer encrypted to this account, with a
// header that says no more than it must.
func (s service) sealAnswer(ctx context.Context, id account.ID, mail *spool.Spool) (m rules.Mail, sealed pgp.Sealed, err error) {
	a, err := s.Book.Account(ctx, id)
	if err != nil {
		return m, sealed, err
	}
	h, err := rfc.ReadHeader(mail, 0, answerHead)
	if err != nil {
		return m, sealed, err
	}
	own, ok := plainAnswer(h, a)
	if !ok {
		return m, sealed, problem(http.StatusUnprocessableEntity, "not-sealed", "Expected a mail that is encrypted to this account, with a bare header")
	}
	to, err := s.Book.Recipient(ctx, a)
	if err != nil {
		return m, sealed, err
	}
	trace := "Received: by " + s.Hostname + " with HTTPS;\r\n\t" + s.Now().UTC().Format(time.RFC1123Z) + "\r\n"
	m = rules.Mail{Account: id, Bytes: mail, Gist: rfc.Look(ctx, mail, rfc.DefaultLimits), To: own}
	sealed, err = pgp.Seal(ctx, pgp.Mail{Bytes: mail, Gist: m.Gist, Time: s.Now(), Trace: []byte(trace), Authserv: s.Hostname}, to)
	if err != nil {
		return m, sealed, err
	}
	if sealed.Class() != pgp.EndToEnd {
		return m, sealed, problem(http.StatusUnprocessableEntity, "not-sealed", "Expected a mail that is encrypted to this account, with a bare header")
	}
	m.Class = sealed.Class()
	return m, sealed, nil
}

// plainAnswer says whether a header has what an answer needs, each once, and nothing
// that a reader could be told by, and to which of the account's addresses it goes.
func plainAnswer(h rfc.Header, a account.Account) (to rfc.Address, ok bool) {
	allowed := []string{"from", "to", "subject", "date", "message-id", "in-reply-to", "mime-version", "content-type"}
	seen := map[string]string{}
	for _, f := range h.Fields {
		name := strings.ToLower(f.Name)
		if _, twice := seen[name]; twice || !slices.Contains(allowed, name) {
			return to, false
		}
		seen[name] = strings.TrimSpace(f.Value())
	}
	_, err := rfc.ParseAddress(seen["from"])
	to, bad := rfc.ParseAddress(seen["to"])
	ours := slices.ContainsFunc(a.Addresses, func(own rfc.Address) bool { return bad == nil && own.Key() == to.Key() })
	return to, h.Clean && h.Blank && !h.Cut && err == nil && ours && seen["subject"] == "[...]"
}
