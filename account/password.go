package account

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	saltSize   = 16
	iterations = 4096 // RFC 7677's least; 128 random bits need no stretching

	// maxPasswords bounds an account's app passwords. A sign-in always tries
	// that many, real or not, so its time does not tell how many there are.
	maxPasswords = 16
)

// ErrPasswordName says that an app password's name is taken, empty or too long.
var ErrPasswordName = errors.New("not a free name for an app password: expected 1 to 64 printable characters, used once")

// Scopes are the doors that an app password may open.
const (
	ScopeIMAP = "imap"
	ScopeSMTP = "smtp"
	ScopeAPI  = "api" // mail, files and settings by HTTP; no keys, no sessions, no passwords
)

// ErrScope says that a scope is none.
var ErrScope = errors.New("not a scope: expected imap, smtp or api")

// AllScopes are those of a password, in their order.
func (p Password) AllScopes() []string {
	if len(p.Scopes) == 0 {
		return []string{ScopeIMAP, ScopeSMTP}
	}
	return p.Scopes
}

// opens says whether p opens a door; the empty scope is every door's.
func (p Password) opens(scope string) bool {
	return scope == "" || slices.Contains(p.AllScopes(), scope)
}

// scopes sorts what was asked for, or fails with ErrScope.
func scopes(asked []string) ([]string, error) {
	if len(asked) == 0 {
		return nil, nil
	}
	var in []string
	for _, s := range []string{ScopeIMAP, ScopeSMTP, ScopeAPI} {
		if slices.Contains(asked, s) {
			in = append(in, s)
		}
	}
	for _, s := range asked {
		if !slices.Contains(in, s) {
			return nil, ErrScope
		}
	}
	return in, nil
}

// ErrLimit says that a limit is under 0.
var ErrLimit = errors.New("a limit cannot be under 0")

// AppPassword is an app password as its owner types it: 128 random bits in five
// groups of base32. It is shown once; its stored form cannot be turned back.
type AppPassword string

// String and LogValue keep it out of logs; Reveal is for its owner's eyes.
func (AppPassword) String() string       { return "[withheld]" }
func (AppPassword) GoString() string     { return "[withheld]" }
func (AppPassword) LogValue() slog.Value { return slog.StringValue("[withheld]") }

// Reveal is the password in words.
func (p AppPassword) Reveal() string { return string(p) }

// newPassword makes 128 random bits into 26 letters and digits.
func newPassword() AppPassword {
	var bits [16]byte
	rand.Read(bits[:])
	letters := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(bits[:])
	return AppPassword(group(strings.ToLower(letters)))
}

// group writes 26 characters as 5-5-5-5-6, which is the form SCRAM hashes.
func group(s string) string {
	return strings.Join([]string{s[:5], s[5:10], s[10:15], s[15:20], s[20:]}, "-")
}

// canonical turns what was typed into the form that was printed: blanks and
// dashes do not count, nor does case. What cannot be one of ours stays as it is
// and simply fails. Only PLAIN can do this; a SCRAM client hashes what it was
// given, so there the printed form counts.
func canonical(typed string) string {
	bare := strings.ToLower(strings.NewReplacer(" ", "", "-", "", "\u00a0", "", "\t", "").Replace(typed))
	if len(bare) != 26 {
		return typed
	}
	for i := range len(bare) {
		if c := bare[i]; c >= utf8.RuneSelf {
			return typed
		}
	}
	return group(bare)
}

// salted is the one costly step of checking a password, about a millisecond
// (Hi() of RFC 5802, section 2.2).
func salted(password string, salt []byte) []byte {
	key, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		panic(err) // only for lengths that are constants here
	}
	return key
}

// scramKeys is what SCRAM-SHA-256 keeps of a salted password (RFC 5802, section 3).
func scramKeys(salted []byte) (stored, server []byte) {
	client := keyed(salted, "Client Key")
	sum := sha256.Sum256(client)
	return sum[:], keyed(salted, "Server Key")
}

func keyed(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// NewPassword is what it takes to make an app password.
type NewPassword struct {
	Name     string
	FileSent bool // see Password
	Limit    int
	Scopes   []string
}

// AddPassword makes an app password and returns it, this once.
func (b *Book) AddPassword(ctx context.Context, id ID, name string) (AppPassword, error) {
	return b.MakePassword(ctx, id, NewPassword{Name: name})
}

// MakePassword is AddPassword with settings.
func (b *Book) MakePassword(ctx context.Context, id ID, n NewPassword) (AppPassword, error) {
	if !passwordName(n.Name) {
		return "", ErrPasswordName
	}
	if n.Limit < 0 {
		return "", ErrLimit
	}
	may, err := scopes(n.Scopes)
	if err != nil {
		return "", err
	}
	word := newPassword()
	_, err = b.change(ctx, id, func(a *Account) error {
		if slices.ContainsFunc(a.Passwords, func(p Password) bool { return p.Name == n.Name }) {
			return ErrPasswordName
		}
		if len(a.Passwords) >= maxPasswords {
			return ErrTooMany
		}
		stored, server := scramKeys(salted(word.Reveal(), a.Salt))
		a.Passwords = append(a.Passwords, Password{
			Name: n.Name, StoredKey: stored, ServerKey: server, Created: b.now(),
			FileSent: n.FileSent, Limit: n.Limit, Scopes: may,
		})
		return nil
	})
	if err != nil {
		return "", err
	}
	return word, nil
}

func passwordName(name string) bool {
	if name == "" || len(name) > 64 || !utf8.ValidString(name) {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// RemovePassword revokes an app password and tells who watches it.
func (b *Book) RemovePassword(ctx context.Context, id ID, name string) error {
	_, err := b.change(ctx, id, func(a *Account) error {
		before := len(a.Passwords)
		a.Passwords = slices.DeleteFunc(a.Passwords, func(p Password) bool { return p.Name == name })
		if len(a.Passwords) == before {
			return ErrNotFound
		}
		return nil
	})
	return err
}

// markUsed notes the day an app password was used, at most one write a day.
func (b *Book) markUsed(ctx context.Context, a Account, p Password) {
	today := b.now().UTC().Truncate(24 * time.Hour)
	if !p.Used.Before(today) {
		return
	}
	// A mark that is lost is no reason to turn its owner away.
	_, _ = b.change(ctx, a.ID, func(a *Account) error {
		for i := range a.Passwords {
			if a.Passwords[i].Name == p.Name {
				a.Passwords[i].Used = today
			}
		}
		return nil
	})
}
