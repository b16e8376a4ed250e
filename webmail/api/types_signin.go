package api

import (
	"time"

	"sealpost/account"
	"sealpost/account/signin"
	"sealpost/pgp"
)

// Kdf are the parameters by which a client makes keys of a passphrase.
type Kdf struct {
	Name       string `json:"name" enum:"argon2id"`
	Memory     int    `json:"memory" doc:"KiB"`
	Iterations int    `json:"iterations"`
	Lanes      int    `json:"lanes"`
}

// SignInParameters are what a client needs to make its proof.
type SignInParameters struct {
	Salt []byte `json:"salt" doc:"16 bytes; for unknown addresses a stable false one"`
	Kdf  Kdf    `json:"kdf"`
}

// SignIn is what proves that somebody owns an address.
type SignIn struct {
	Address   string `json:"address" maxLength:"1024"`
	Method    string `json:"method" enum:"passphrase,kit"`
	Proof     []byte `json:"proof" doc:"32 bytes"`
	Code      string `json:"code,omitempty" maxLength:"16" doc:"TOTP"`
	Assertion any    `json:"assertion,omitempty" doc:"WebAuthn, as PublicKeyCredential.toJSON gives it, without prf.results"`
	Device    string `json:"device" maxLength:"256" doc:"what to call this browser in lists; 64 characters of it are kept"`
}

// Session is the answer to every way of signing in.
type Session struct {
	ID      string    `json:"id"`
	Account Account   `json:"account"`
	Keyring Keyring   `json:"keyring"`
	Share   []byte    `json:"share" doc:"32 bytes: this session's half of what opens the device's copy of the master key"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
}

// Account is one person (or role), and how their mail is sealed.
type Account struct {
	ID          string    `json:"id" doc:"16 hex digits"`
	Addresses   []string  `json:"addresses" doc:"the first is its name"`
	Certificate []byte    `json:"certificate" doc:"binary OpenPGP certificate"`
	Fingerprint string    `json:"fingerprint" doc:"upper-case hex"`
	Profile     string    `json:"profile" enum:"compat,modern"`
	Level       string    `json:"level" enum:"open,baseline,shy,minimal"`
	Encrypt     string    `json:"encrypt" enum:"when-all-have-keys,require,never"`
	ListKey     []byte    `json:"list_key,omitempty" doc:"32 bytes, public half"`
	Operator    bool      `json:"operator" doc:"may use /api/v1/admin"`
	Quota       int64     `json:"quota" doc:"bytes, 0: none"`
	Created     time.Time `json:"created"`
}

// Keyring is what the server keeps for the owner's clients and cannot open.
type Keyring struct {
	Version    int64             `json:"version" doc:"grows by one with every change"`
	Salt       []byte            `json:"salt"`
	Kdf        Kdf               `json:"kdf"`
	Containers map[string][]byte `json:"containers" doc:"master.passphrase, master.kit, master.passkey.ID, openpgp.FINGERPRINT, list, secret"`
}

// Invitation is what its token is good for.
type Invitation struct {
	Address     string    `json:"address,omitempty" doc:"fixed by the operator, or the invited chooses"`
	Domains     []string  `json:"domains"`
	Attach      bool      `json:"attach" doc:"it gives a sign-in to an account that exists"`
	Certificate []byte    `json:"certificate,omitempty" doc:"attach: its certificate"`
	Account     string    `json:"account,omitempty" doc:"attach: its id"`
	Expires     time.Time `json:"expires"`
}

// Join is what a newcomer's client brings: all keys are made there.
type Join struct {
	Token       string            `json:"token,omitempty" maxLength:"64" doc:"of an invitation; absent: open registration"`
	Address     string            `json:"address" maxLength:"1024"`
	Account     string            `json:"account" pattern:"^[0-9a-f]{16}$" doc:"id, 16 hex digits: containers are bound to it. Random; attach: the invitation's"`
	Certificate []byte            `json:"certificate"`
	ListKey     []byte            `json:"list_key"`
	Profile     string            `json:"profile,omitempty" enum:"compat,modern"`
	Salt        []byte            `json:"salt"`
	Kdf         Kdf               `json:"kdf"`
	Proof       []byte            `json:"proof"`
	KitProof    []byte            `json:"kit_proof" doc:"made from the words as they were typed back"`
	Containers  map[string][]byte `json:"containers"`
	Device      string            `json:"device" maxLength:"256"`
}

// NewPassphrase wraps the master key for another passphrase.
type NewPassphrase struct {
	Version   int64  `json:"version" minimum:"1" doc:"the stored one plus one"`
	OldProof  []byte `json:"old_proof" doc:"of the passphrase that was, or of the kit"`
	Salt      []byte `json:"salt"`
	Kdf       Kdf    `json:"kdf"`
	Proof     []byte `json:"proof"`
	Container []byte `json:"container" doc:"master.passphrase"`
}

// NewKit wraps the master key for another recovery kit.
type NewKit struct {
	Version   int64  `json:"version" minimum:"1"`
	Proof     []byte `json:"proof" doc:"of the passphrase"`
	KitProof  []byte `json:"kit_proof"`
	Container []byte `json:"container" doc:"master.kit"`
}

// NewContainer is a container and the version of the keyring with it.
type NewContainer struct {
	Version   int64  `json:"version" minimum:"1"`
	Container []byte `json:"container"`
}

// NewKey is the account's own OpenPGP key with another subkey or another expiry.
type NewKey struct {
	Version     int64  `json:"version" minimum:"1" doc:"of the keyring with the container"`
	Proof       []byte `json:"proof" doc:"of the passphrase"`
	Certificate []byte `json:"certificate" doc:"of the same primary key"`
	Container   []byte `json:"container,omitempty" doc:"openpgp.FINGERPRINT; absent: the secret key is kept elsewhere"`
}

// SessionLine is one browser that is signed in.
type SessionLine struct {
	ID      string    `json:"id"`
	Device  string    `json:"device"`
	Created time.Time `json:"created"`
	Used    time.Time `json:"used"`
	Expires time.Time `json:"expires"`
	Current bool      `json:"current"`
}

// SignInLine is one sign-in, or a try.
type SignInLine struct {
	At      time.Time `json:"at"`
	How     string    `json:"how" enum:"passphrase,kit,passkey,approval,join,app-password"`
	OK      bool      `json:"ok"`
	Device  string    `json:"device" doc:"the browser; of an app password: its name"`
	Door    string    `json:"door,omitempty" enum:"imap,smtp,api" doc:"of an app password"`
	Network string    `json:"network,omitempty" doc:"of an app password: where from, as a network, /24 or /48 of IPv6"`
}

// AccessRequest is what a device that asks to be let in comes back with.
type AccessRequest struct {
	ID     string `json:"id"`
	Secret []byte `json:"secret" doc:"shown only to who asked; it polls with it"`
}

// Granted is what a device that was let in gets, once.
type Granted struct {
	Session Session `json:"session"`
	Sealed  []byte  `json:"sealed" doc:"HPKE to public_key: master key and account secret"`
}

// WaitingRequest is a device that waits.
type WaitingRequest struct {
	ID        string    `json:"id"`
	Device    string    `json:"device"`
	PublicKey []byte    `json:"public_key" doc:"32 bytes, X25519"`
	At        time.Time `json:"at"`
}

// SecondFactors are an account's.
type SecondFactors struct {
	Totp     bool          `json:"totp"`
	Passkeys []PasskeyLine `json:"passkeys"`
}

// PasskeyLine is one passkey.
type PasskeyLine struct {
	ID           string     `json:"id" doc:"base64url credential id"`
	Name         string     `json:"name"`
	Created      time.Time  `json:"created"`
	Used         *time.Time `json:"used,omitempty"`
	Unlocks      bool       `json:"unlocks" doc:"it has a container of the master key (PRF)"`
	SecondFactor bool       `json:"second_factor" doc:"a passphrase alone does not sign in any more"`
}

// NewTotp is a secret for an authenticator program.
type NewTotp struct {
	Secret string `json:"secret" doc:"base32"`
	URI    string `json:"uri" doc:"otpauth://"`
}

// NewPasskey is what a browser made of the creation options.
type NewPasskey struct {
	Name         string `json:"name" minLength:"1" maxLength:"256"`
	Credential   any    `json:"credential" doc:"PublicKeyCredential.toJSON(), without prf.results"`
	Container    []byte `json:"container,omitempty" doc:"master.passkey.ID"`
	Version      int64  `json:"version,omitempty" doc:"of the keyring with it"`
	SecondFactor *bool  `json:"second_factor,omitempty" doc:"a passphrase alone shall not sign in any more; absent: if it has no container"`
}

// AppPassword is one that a mail program, or a program of the API, signs in with.
type AppPassword struct {
	Name     string           `json:"name"`
	Created  time.Time        `json:"created"`
	Used     *time.Time       `json:"used,omitempty" doc:"to the day"`
	FileSent bool             `json:"file_sent"`
	Limit    int              `json:"limit"`
	Scopes   []string         `json:"scopes" doc:"imap, smtp, api"`
	Password string           `json:"password,omitempty" doc:"in the answer to POST only"`
	Uses     []AppPasswordUse `json:"uses" doc:"where it was used from lately, the newest first"`
}

// AppPasswordUse is one door and network that an app password was used at.
type AppPasswordUse struct {
	Door    string    `json:"door" enum:"imap,smtp,api"`
	Network string    `json:"network,omitempty" doc:"/24, or /48 of IPv6"`
	Last    time.Time `json:"last" doc:"to the day"`
}

// onWire is a time as the API has it.
func onWire(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

// maybeOnWire is a time that may not have been.
func maybeOnWire(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = onWire(t)
	return &t
}

func (k Kdf) inside() signin.KDF { return signin.KDF(k) }

func accountOnWire(a account.Account) (Account, error) {
	cert, err := pgp.ParseCert(a.Cert)
	if err != nil {
		return Account{}, err
	}
	w := Account{
		ID: string(a.ID), Certificate: a.Cert, Fingerprint: cert.Fingerprint(), Profile: string(a.Profile), Level: string(a.Level),
		Encrypt: string(a.Encrypt), ListKey: a.ListKey, Operator: a.Operator, Quota: a.Quota, Created: onWire(a.Created),
	}
	if w.Encrypt == "" {
		w.Encrypt = string(account.EncryptWhenKeys)
	}
	for _, address := range a.Addresses {
		w.Addresses = append(w.Addresses, address.String())
	}
	return w, nil
}

func keyringOnWire(k signin.Keyring) Keyring {
	return Keyring{Version: int64(k.Version), Salt: k.Salt, Kdf: Kdf(k.KDF), Containers: k.Containers}
}

func sessionOnWire(a account.Account, s signin.Session, k signin.Keyring) (Session, error) {
	whose, err := accountOnWire(a)
	if err != nil {
		return Session{}, err
	}
	return Session{ID: s.ID, Account: whose, Keyring: keyringOnWire(k), Share: s.Share, Created: onWire(s.Created), Expires: onWire(s.Expires)}, nil
}

func passkeyOnWire(p signin.Passkey) PasskeyLine {
	return PasskeyLine{p.ID, p.Name, onWire(p.Created), maybeOnWire(p.Used), p.Unlocks, p.Factor}
}
