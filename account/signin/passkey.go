package signin

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"sealpost/account"
)

// Site is where a browser stands: passkeys are bound to it.
type Site struct {
	Host string // with its port, as the browser's address has it
}

func (s Site) name() string {
	if name, _, err := net.SplitHostPort(s.Host); err == nil {
		return strings.ToLower(name)
	}
	return strings.ToLower(s.Host)
}

// passkey is one WebAuthn credential. Of attestations nothing is kept.
type passkey struct {
	ID         string    `json:"id"` // base64url
	Name       string    `json:"name"`
	Host       string    `json:"host"` // it was made for
	PublicKey  []byte    `json:"public_key"`
	Count      uint32    `json:"count"`
	Eligible   bool      `json:"backup_eligible,omitempty"`
	Backed     bool      `json:"backed_up,omitempty"`
	Transports []string  `json:"transports,omitempty"`
	Factor     bool      `json:"factor,omitempty"` // a passphrase is not enough any more
	Created    time.Time `json:"created"`
	Used       time.Time `json:"used"`
}

// Passkey is one of an account's.
type Passkey struct {
	ID      string
	Name    string
	Created time.Time
	Used    time.Time // zero: never
	Unlocks bool      // it has a container of the master key
	Factor  bool      // a passphrase alone does not sign in any more
}

const (
	maxPasskeys   = 20
	maxCredential = 16 << 10 // bytes of JSON
	challengeTime = 5 * time.Minute
)

// party is the library, for one site.
func party(site Site) (*webauthn.WebAuthn, error) {
	w, err := webauthn.New(&webauthn.Config{
		RPID: site.name(), RPDisplayName: site.name(), RPOrigins: []string{"https://" + strings.ToLower(site.Host)},
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: the name of this server", ErrForm)
	}
	return w, nil
}

// A challenge is known again by its own code, so strangers make the server remember
// nothing: 8 bytes of time, 16 random, 16 of an HMAC over both and what it is for.
func (d *Desk) challenge(purpose string) string {
	c := binary.BigEndian.AppendUint64(nil, uint64(d.Now().Unix()))
	c = append(c, random(16)...)
	c = append(c, keyed(d.Secret, "challenge", purpose, string(c))[:16]...)
	return base64.RawURLEncoding.EncodeToString(c)
}

// valid says whether a challenge is ours, for this purpose, fresh and unspent.
func (d *Desk) valid(purpose, text string) bool {
	c, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(c) != 40 {
		return false
	}
	right := keyed(d.Secret, "challenge", purpose, string(c[:24]))[:16]
	age := d.Now().Sub(time.Unix(int64(binary.BigEndian.Uint64(c)), 0))
	return subtle.ConstantTimeCompare(right, c[24:]) == 1 && age >= -time.Second && age <= challengeTime
}

// spent is a challenge that served: a signature is good once, at any node, since it stands in
// the record that it changes. Its names are the format.
type spent struct {
	Hash []byte    `json:"hash"`
	At   time.Time `json:"at"`
}

const maxSpent = 100 // within the time that a challenge is good for

// spend says whether it is the first time.
func (s *state) spend(challenge string, now time.Time) bool {
	sum := sha256.Sum256([]byte(challenge))
	if len(s.Spent) >= maxSpent || slices.ContainsFunc(s.Spent, func(one spent) bool { return bytes.Equal(one.Hash, sum[:16]) }) {
		return false
	}
	s.Spent = append(s.Spent, spent{sum[:16], now.UTC()})
	return true
}

const forSignIn = "sign-in"

func forNew(id account.ID) string { return "new passkey of " + string(id) }

// prfInput is what a passkey's PRF is asked for (docs/formats.md).
func prfInput() any {
	sum := sha256.Sum256([]byte("sealpost prf v1"))
	return map[string]any{"eval": map[string]any{"first": base64.RawURLEncoding.EncodeToString(sum[:])}}
}

func descriptors(site Site, keys []passkey) []map[string]any {
	all := []map[string]any{}
	for _, p := range keys {
		if p.Host != site.name() {
			continue
		}
		one := map[string]any{"type": "public-key", "id": p.ID}
		if len(p.Transports) > 0 {
			one["transports"] = p.Transports
		}
		all = append(all, one)
	}
	return all
}

// requestOptions are PublicKeyCredentialRequestOptionsJSON; without keys the browser
// offers what it has.
func (d *Desk) requestOptions(site Site, purpose string, keys []passkey, verified bool) any {
	verification := "preferred"
	if verified {
		verification = "required"
	}
	return map[string]any{
		"challenge": d.challenge(purpose), "timeout": challengeTime.Milliseconds(), "rpId": site.name(),
		"allowCredentials": descriptors(site, keys), "userVerification": verification,
		"extensions": map[string]any{"prf": prfInput()},
	}
}

// BeginPasskey are the options to make one (PublicKeyCredentialCreationOptionsJSON).
func (d *Desk) BeginPasskey(ctx context.Context, by Right, a account.Account, site Site) (any, error) {
	d.start()
	if err := d.holds(by, a.ID); err != nil {
		return nil, err
	}
	s, err := d.read(ctx, a.ID)
	if err != nil {
		return nil, err
	}
	if len(s.Passkeys) >= maxPasskeys {
		return nil, ErrTooMany
	}
	name := a.Addresses[0].String()
	return map[string]any{
		"rp":               map[string]any{"id": site.name(), "name": site.name()},
		"user":             map[string]any{"id": base64.RawURLEncoding.EncodeToString(handleOf(a.ID)), "name": name, "displayName": name},
		"challenge":        d.challenge(forNew(a.ID)),
		"pubKeyCredParams": parameters(), "timeout": challengeTime.Milliseconds(),
		"excludeCredentials":     descriptors(site, s.Passkeys),
		"authenticatorSelection": map[string]any{"residentKey": "preferred", "requireResidentKey": false, "userVerification": "preferred"},
		"attestation":            "none",
		"extensions":             map[string]any{"prf": prfInput(), "credProps": true},
	}, nil
}

func parameters() (all []protocol.CredentialParameter) {
	for _, alg := range []webauthncose.COSEAlgorithmIdentifier{webauthncose.AlgEdDSA, webauthncose.AlgES256, webauthncose.AlgRS256} {
		all = append(all, protocol.CredentialParameter{Type: protocol.PublicKeyCredentialType, Algorithm: alg})
	}
	return all
}

// handleOf is an account's user handle.
func handleOf(id account.ID) []byte {
	raw, err := hex.DecodeString(string(id))
	if err != nil {
		return []byte(id) // of no account that the book opened
	}
	return raw
}

// NewPasskey is what it takes to add one.
type NewPasskey struct {
	Name       string
	Credential []byte // JSON of a RegistrationResponseJSON
	Container  []byte // master.passkey.ID, or nil
	Version    uint64 // of the keyring with it
	Factor     *bool  // a passphrase alone does not sign in any more; nil: if it cannot unlock
}

// keepsSecret refuses JSON that holds what a passkey's PRF gave: it opens the master
// key, and must not leave the browser.
func keepsSecret(credential []byte) error {
	var j struct {
		Extensions struct {
			PRF struct {
				Results json.RawMessage `json:"results"`
			} `json:"prf"`
		} `json:"clientExtensionResults"`
	}
	if len(credential) > maxCredential || json.Unmarshal(credential, &j) != nil {
		return fmt.Errorf("%w: a credential", ErrForm)
	}
	if r := string(j.Extensions.PRF.Results); r != "" && r != "null" {
		return fmt.Errorf("%w: prf.results must stay in the browser", ErrForm)
	}
	return nil
}

// AddPasskey checks and keeps a new passkey.
func (d *Desk) AddPasskey(ctx context.Context, by Right, a account.Account, site Site, n NewPasskey) (Passkey, error) {
	d.start()
	if err := d.holds(by, a.ID); err != nil {
		return Passkey{}, err
	}
	made, challenge, err := d.attest(a.ID, site, n.Credential)
	if err != nil {
		return Passkey{}, err
	}
	made.Name = device(n.Name)
	made.Factor = n.Container == nil
	if n.Factor != nil {
		made.Factor = *n.Factor
	}
	_, err = d.change(ctx, a.ID, func(s *state) error {
		if len(s.Passkeys) >= maxPasskeys {
			return ErrTooMany
		}
		if !s.spend(challenge, d.Now()) {
			return ErrSignIn
		}
		if slices.ContainsFunc(s.Passkeys, func(p passkey) bool { return p.ID == made.ID }) {
			return ErrConflict
		}
		if n.Container != nil {
			if err := s.put(passkeyName+made.ID, n.Container, n.Version); err != nil {
				return err
			}
		}
		s.Passkeys = append(s.Passkeys, made)
		return nil
	})
	if err != nil {
		return Passkey{}, err
	}
	return Passkey{made.ID, made.Name, made.Created, made.Used, n.Container != nil, made.Factor}, nil
}

// attest reads what a browser made of our options, and of which challenge.
func (d *Desk) attest(id account.ID, site Site, credential []byte) (p passkey, challenge string, err error) {
	if err := keepsSecret(credential); err != nil {
		return passkey{}, "", err
	}
	rp, err := party(site)
	if err != nil {
		return passkey{}, "", err
	}
	got, err := protocol.ParseCredentialCreationResponseBytes(credential)
	if err != nil {
		return passkey{}, "", fmt.Errorf("%w: a credential", ErrForm)
	}
	challenge = got.Response.CollectedClientData.Challenge
	if !d.valid(forNew(id), challenge) {
		return passkey{}, "", ErrSignIn
	}
	made, err := rp.CreateCredential(holder{id: id}, webauthn.SessionData{
		Challenge: challenge, UserID: handleOf(id), UserVerification: protocol.VerificationPreferred, CredParams: parameters(),
	}, got)
	if err != nil {
		return passkey{}, "", ErrSignIn
	}
	p = passkey{
		ID: base64.RawURLEncoding.EncodeToString(made.ID), Host: site.name(), PublicKey: made.PublicKey, Count: made.Authenticator.SignCount,
		Eligible: made.Flags.BackupEligible, Backed: made.Flags.BackupState, Created: d.Now().UTC(),
	}
	for _, t := range made.Transport[:min(len(made.Transport), 8)] {
		if len(t) <= 16 {
			p.Transports = append(p.Transports, string(t))
		}
	}
	return p, challenge, nil
}

// holder is an account as the library sees it.
type holder struct {
	id   account.ID
	site Site
	keys []passkey
}

func (h holder) WebAuthnID() []byte          { return handleOf(h.id) }
func (h holder) WebAuthnName() string        { return "" }
func (h holder) WebAuthnDisplayName() string { return "" }
func (h holder) WebAuthnCredentials() (all []webauthn.Credential) {
	for _, p := range h.keys {
		raw, err := base64.RawURLEncoding.DecodeString(p.ID)
		if err != nil || p.Host != h.site.name() {
			continue
		}
		all = append(all, webauthn.Credential{
			ID: raw, PublicKey: p.PublicKey, Flags: webauthn.CredentialFlags{BackupEligible: p.Eligible, BackupState: p.Backed},
			Authenticator: webauthn.Authenticator{SignCount: p.Count},
		})
	}
	return all
}

// useAssertion checks a signature of one of the account's passkeys and says which.
// verified asks that the authenticator knew its user, by a PIN or a finger.
func (d *Desk) useAssertion(ctx context.Context, s *state, site Site, purpose string, assertion []byte, verified bool) (id string, err error) {
	if err := keepsSecret(assertion); err != nil {
		return "", err
	}
	rp, err := party(site)
	if err != nil {
		return "", err
	}
	got, err := protocol.ParseCredentialRequestResponseBytes(assertion)
	if err != nil {
		return "", errFactor
	}
	challenge := got.Response.CollectedClientData.Challenge
	need := protocol.VerificationPreferred
	if verified {
		need = protocol.VerificationRequired
	}
	if !d.valid(purpose, challenge) {
		return "", errFactor
	}
	seen, err := rp.ValidateLogin(holder{s.id, site, s.Passkeys}, webauthn.SessionData{Challenge: challenge, UserID: handleOf(s.id), UserVerification: need}, got)
	if err != nil || seen.Authenticator.CloneWarning {
		return "", errFactor
	}
	id = base64.RawURLEncoding.EncodeToString(seen.ID)
	_, err = d.change(ctx, s.id, func(s *state) error {
		i := slices.IndexFunc(s.Passkeys, func(p passkey) bool { return p.ID == id })
		if i < 0 || s.Passkeys[i].Count > seen.Authenticator.SignCount || !s.spend(challenge, d.Now()) {
			return errFactor
		}
		s.Passkeys[i].Count, s.Passkeys[i].Backed, s.Passkeys[i].Used = seen.Authenticator.SignCount, seen.Flags.BackupState, d.Now().UTC()
		return nil
	})
	return id, err
}

// BeginPasskeySignIn are the options to sign in by a passkey, for whoever asks.
func (d *Desk) BeginPasskeySignIn(site Site) any {
	d.start()
	return d.requestOptions(site, forSignIn, nil, true)
}

// SignInByPasskey lets in who has a passkey and can show its authenticator that it is
// theirs: two factors in one.
func (d *Desk) SignInByPasskey(ctx context.Context, c account.Caller, site Site, assertion []byte, name string) (e Entered, err error) {
	d.start()
	var by string
	handle := userHandle(assertion)
	err = d.door().Try(ctx, c, "passkey "+hex.EncodeToString(handle), func() error {
		start := time.Now()
		s, err := d.byHandle(ctx, handle)
		if err == nil {
			by, err = d.useAssertion(ctx, s, site, forSignIn, assertion, true)
		}
		if err == nil {
			e.Account, err = d.Book.Account(ctx, s.id)
			return err
		}
		if isRefusal(err) {
			if s != nil {
				d.failed.add(s.id, Line{At: d.Now().UTC(), How: ByPasskey, Device: device(name)})
			}
			err = ErrSignIn
		}
		account.OnTick(ctx, start)
		return err
	})
	if err != nil {
		return Entered{}, err
	}
	return d.enter(ctx, e.Account, Line{How: ByPasskey, Device: name}, by)
}

// RemovePasskey takes a passkey away, with its container and the sessions it began.
// version, if not 0, is that of the keyring without its container.
func (d *Desk) RemovePasskey(ctx context.Context, by Right, a account.Account, current, id string, version uint64) error {
	d.start()
	if err := d.holds(by, a.ID); err != nil {
		return err
	}
	_, err := d.change(ctx, a.ID, func(s *state) error {
		i := slices.IndexFunc(s.Passkeys, func(p passkey) bool { return p.ID == id })
		if i < 0 {
			return ErrNotFound
		}
		if _, there := s.Containers[passkeyName+id]; there {
			if version != 0 && version != s.Version+1 {
				return ErrConflict
			}
			delete(s.Containers, passkeyName+id)
			s.Version++
		}
		s.Passkeys = slices.Delete(s.Passkeys, i, i+1)
		s.end(func(one *session) bool { return one.By == id && one.ID != current })
		return nil
	})
	return err
}
