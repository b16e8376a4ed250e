package account

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xdg-go/scram"
)

func addPassword(t testing.TB, b *Book, id ID, name string) string {
	t.Helper()
	p, err := b.AddPassword(t.Context(), id, name)
	if err != nil {
		t.Fatal(err)
	}
	return p.Reveal()
}

func TestAppPassword(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 100 {
		p := newPassword()
		if s := p.Reveal(); len(s) != 30 || strings.Count(s, "-") != 4 || s != strings.ToLower(s) || seen[s] {
			t.Fatalf("password %q", s)
		}
		seen[p.Reveal()] = true
		for _, shown := range []string{fmt.Sprint(p), fmt.Sprintf("%v %+v %#v %s %q", p, p, p, p, p), p.LogValue().String()} {
			if strings.Contains(shown, p.Reveal()) {
				t.Errorf("it prints itself: %s", shown)
			}
		}
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	b, _, _ := newBook(t)
	alice, bob := add(t, b, "alice@demo.test"), add(t, b, "bob@demo.test")
	ctx := t.Context()
	if _, err := b.AddAlias(ctx, alice.ID, address(t, "al@demo.test")); err != nil {
		t.Fatal(err)
	}
	phone, laptop, bobs := addPassword(t, b, alice.ID, "phone"), addPassword(t, b, alice.ID, "laptop"), addPassword(t, b, bob.ID, "phone")
	bare := strings.ReplaceAll(phone, "-", "")
	for _, tt := range []struct {
		user, password string
		want           ID
	}{
		{"alice@demo.test", phone, alice.ID},
		{"alice@demo.test", laptop, alice.ID},
		{"ALICE@Demo.test", strings.ToUpper(phone), alice.ID},
		{"alice@demo.test", bare, alice.ID},
		{"alice@demo.test", " " + strings.ReplaceAll(phone, "-", " ") + " ", alice.ID},
		{"bob@demo.test", bobs, bob.ID},
		{"alice@demo.test", bobs, ""},
		{"bob@demo.test", phone, ""},
		{"alice@demo.test", "", ""},
		{"alice@demo.test", phone + "x", ""},
		{"alice@demo.test", bare[:25], ""},
		{"alice@demo.test", strings.Repeat("é", 13), ""},
		{"alice@demo.test", strings.Repeat("x", 1<<20), ""},
		{"al@demo.test", phone, ""},           // an alias is no sign-in name
		{"alice+x@demo.test", phone, ""},      // nor is a detail
		{"postmaster@demo.test", phone, ""},   // nor a role
		{"alice@elsewhere.test", phone, ""},   //
		{"alice", phone, ""},                  //
		{"", "", ""},                          //
		{"alice@demo.test\x00", phone, ""},    //
		{strings.Repeat("a", 1<<20), "x", ""}, //
	} {
		for _, how := range []string{"first", "cached"} {
			got, err := b.Login(ctx, tt.user, tt.password)
			if tt.want == "" && (!errors.Is(err, ErrLogin) || got.ID != "") {
				t.Errorf("%.40q %.40q (%s): got %q, %v; want ErrLogin", tt.user, tt.password, how, got.ID, err)
			}
			if tt.want != "" && (err != nil || got.ID != tt.want) {
				t.Errorf("%q %q (%s): got %q, %v; want %q", tt.user, tt.password, how, got.ID, err, tt.want)
			}
		}
	}
}

// The decoys of a stranger are derived from a secret; even who knows them, and
// so has a password that fits, must not get in.
func TestDecoyOpensNothing(t *testing.T) {
	t.Parallel()
	b, _, _ := newBook(t)
	c, err := b.candidate(t.Context(), "", "nobody@demo.test")
	if err != nil {
		t.Fatal(err)
	}
	if p, ok := c.match(c.passwords[0].StoredKey); ok {
		t.Errorf("a stranger's decoy matches: %+v", p)
	}
}

func TestRevokedPasswordIsForgotten(t *testing.T) {
	t.Parallel()
	b, _, _ := newBook(t)
	alice := add(t, b, "alice@demo.test")
	phone := addPassword(t, b, alice.ID, "phone")
	if _, err := b.Login(t.Context(), "alice@demo.test", phone); err != nil {
		t.Fatal(err)
	}
	if _, fresh := b.logins.get("alice@demo.test", phone); fresh {
		t.Fatal("the sign-in was not remembered, so this test shows nothing")
	}
	if err := b.RemovePassword(t.Context(), alice.ID, "phone"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Login(t.Context(), "alice@demo.test", phone); !errors.Is(err, ErrLogin) {
		t.Errorf("a revoked password still opens: %v", err)
	}
	if err := b.RemovePassword(t.Context(), alice.ID, "phone"); !errors.Is(err, ErrNotFound) {
		t.Errorf("removing it again: %v", err)
	}
}

func TestUsedIsNotedOnceADay(t *testing.T) {
	t.Parallel()
	b, s, clock := newBook(t)
	alice := add(t, b, "alice@demo.test")
	phone := addPassword(t, b, alice.ID, "phone")
	before := s.puts
	for day := range 3 {
		for range 5 {
			if _, err := b.Login(t.Context(), "alice@demo.test", phone); err != nil {
				t.Fatal(err)
			}
		}
		if s.puts-before != day+1 {
			t.Errorf("after day %d: %d writes", day, s.puts-before)
		}
		clock.Add(24 * time.Hour)
	}
	got, _ := b.Find(t.Context(), alice.Addresses[0])
	if used := got.Passwords[0].Used; used.Hour() != 0 || used.Minute() != 0 || time.Since(used) < -72*time.Hour {
		t.Errorf("used at %v, want a day", used)
	}
}

// talk runs a whole SCRAM exchange; said is what the server sent, nonces cut out.
func talk(ctx context.Context, b *Book, user, password string) (a Entrant, said []string, err error) {
	client, err := scram.SHA256.NewClientUnprepped(user, password, "")
	if err != nil {
		return a, nil, err
	}
	conv, step := client.NewConversation(), b.Scram(nil, false)
	var challenge []byte
	for range 5 {
		answer, err := conv.Step(string(challenge))
		if err != nil {
			return a, said, fmt.Errorf("client: %w", err)
		}
		var who *Entrant
		challenge, who, err = step(ctx, []byte(answer))
		if err != nil {
			return a, said, err
		}
		if who != nil {
			return *who, said, nil
		}
		_, rest, _ := strings.Cut(string(challenge), ",")
		said = append(said, rest)
		if conv.Done() && !conv.Valid() {
			return a, said, errors.New("client does not believe the server")
		}
	}
	return a, said, errors.New("no end")
}

func TestScram(t *testing.T) {
	t.Parallel()
	b, _, _ := newBook(t)
	alice := add(t, b, "alice@demo.test")
	passwords := []string{}
	for i := range maxPasswords {
		passwords = append(passwords, addPassword(t, b, alice.ID, fmt.Sprint("device ", i)))
	}
	for _, i := range []int{0, 7, maxPasswords - 1} {
		p := passwords[i]
		if a, _, err := talk(t.Context(), b, "alice@demo.test", p); err != nil || a.ID != alice.ID || a.Password != fmt.Sprint("device ", i) {
			t.Errorf("device %d: %q, %v", i, a.ID, err)
		}
	}
	got, _ := b.Find(t.Context(), alice.Addresses[0])
	if got.Passwords[7].Used.IsZero() || !got.Passwords[8].Used.IsZero() {
		t.Error("a sign-in by SCRAM left no mark, or the wrong one")
	}
	for _, tt := range [][2]string{
		{"alice@demo.test", "wrong"}, {"nobody@demo.test", passwords[0]}, {"", passwords[0]}, {"alice", passwords[0]},
	} {
		if a, _, err := talk(t.Context(), b, tt[0], tt[1]); !errors.Is(err, ErrLogin) || a.ID != "" {
			t.Errorf("%v: %q, %v", tt, a.ID, err)
		}
	}
}

// What a stranger is told must not differ from what a user is told: same fields,
// same lengths, and a salt that is the same each time and another for each name.
func TestScramTellsNothing(t *testing.T) {
	t.Parallel()
	b, _, _ := newBook(t)
	alice := add(t, b, "alice@demo.test")
	addPassword(t, b, alice.ID, "phone")
	if _, err := b.AddAlias(t.Context(), alice.ID, address(t, "secret@demo.test")); err != nil {
		t.Fatal(err)
	}
	salts := map[string]string{}
	for _, user := range []string{"alice@demo.test", "ALICE@demo.test", "secret@demo.test", "nobody@demo.test", "Nobody@Demo.test", "other@demo.test", "no address"} {
		_, said, err := talk(t.Context(), b, user, "wrong")
		_, again, err2 := talk(t.Context(), b, user, "wrong")
		if !errors.Is(err, ErrLogin) || err.Error() != err2.Error() || len(said) != 1 || !slices.Equal(said, again) {
			t.Errorf("%s: %q then %q, %v", user, said, again, err)
			continue
		}
		if len(said[0]) != len("s=,i=4096")+24 {
			t.Errorf("%s: %q", user, said[0])
		}
		salts[user] = said[0]
	}
	if salts["alice@demo.test"] != salts["ALICE@demo.test"] || salts["nobody@demo.test"] != salts["Nobody@Demo.test"] {
		t.Error("case tells who is real")
	}
	if salts["alice@demo.test"] == salts["secret@demo.test"] {
		t.Error("the salt tells that two addresses are one person")
	}
	if salts["nobody@demo.test"] == salts["other@demo.test"] {
		t.Error("strangers share a salt, users do not")
	}
}

func TestScramMistakes(t *testing.T) {
	t.Parallel()
	b, _, _ := newBook(t)
	alice := add(t, b, "alice@demo.test")
	phone := addPassword(t, b, alice.ID, "phone")
	for _, first := range []string{
		"", "n", "n,,", "n,,n=alice@demo.test", "n,a=bob@demo.test,n=alice@demo.test,r=abc", "p=tls-unique,,n=alice@demo.test,r=abc",
		"n,,m=x,n=alice@demo.test,r=abc", "n,,n==2,r=abc", "n,,n=alice@demo.test,r=" + strings.Repeat("x", maxScram), "\x00\xff",
	} {
		step := b.Scram(nil, false)
		if _, who, err := step(t.Context(), []byte(first)); !errors.Is(err, ErrLogin) || who != nil {
			t.Errorf("first %.50q: %v, %v", first, who, err)
		}
		if _, who, err := step(t.Context(), []byte("n,,n=alice@demo.test,r=abc")); !errors.Is(err, ErrLogin) || who != nil {
			t.Errorf("after %.50q the exchange goes on: %v", first, err)
		}
	}
	client, _ := scram.SHA256.NewClientUnprepped("alice@demo.test", phone, "")
	conv, step := client.NewConversation(), b.Scram(nil, false)
	if c, who, err := step(t.Context(), nil); c != nil || who != nil || err != nil {
		t.Fatalf("a client that waits: %q, %v, %v", c, who, err)
	}
	one, _ := conv.Step("")
	challenge, _, err := step(t.Context(), []byte(one))
	if err != nil {
		t.Fatal(err)
	}
	two, _ := conv.Step(string(challenge))
	if _, who, err := step(t.Context(), []byte(two)); who != nil || err != nil {
		t.Fatalf("final: %v, %v", who, err)
	}
	if _, who, err := step(t.Context(), []byte("more")); !errors.Is(err, ErrLogin) || who != nil {
		t.Errorf("a last word that is not empty: %v, %v", who, err)
	}
	if _, who, err := step(t.Context(), nil); !errors.Is(err, ErrLogin) || who != nil {
		t.Errorf("after the end: %v, %v", who, err)
	}
}

// Attack D14: whether a user exists must not show in the time of a refusal. The
// store here takes long to find somebody, and no time to find nobody.
func TestRefusalsTakeTheSameTime(t *testing.T) {
	t.Parallel()
	const slow, much = 50 * time.Millisecond, 20 * time.Millisecond
	quick, s, _ := newBook(t)
	alice := add(t, quick, "alice@demo.test")
	addPassword(t, quick, alice.ID, "phone")
	s.slow = slow
	for name, step := range refusals(t.Context()) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// A busy machine may stretch either; a difference that is there shows again.
			known, unknown := medians(quick, step)
			for range 5 {
				if known-unknown >= much {
					break
				}
				known, unknown = medians(quick, step)
			}
			if known-unknown < much {
				t.Errorf("without the tick a wrong password takes %v, a wrong user %v: this test shows nothing", known, unknown)
			}
			// The race detector makes the work long; the tick must be longer.
			paced := NewBook(s, []string{"demo.test"}, quick.secret, time.Now)
			paced.pace = 4 * known
			wrong, nobody := medians(paced, step)
			for range 3 {
				if (wrong - nobody).Abs() <= much {
					break
				}
				wrong, nobody = medians(paced, step)
			}
			if (wrong - nobody).Abs() > much {
				t.Errorf("a wrong password takes %v, a wrong user %v", wrong, nobody)
			}
		})
	}
}

// refusals are the steps in which a client may be told no.
func refusals(ctx context.Context) map[string]func(b *Book, user string) func() {
	const word = "abcde-fghij-klmno-pqrst-uvwxyz"
	return map[string]func(b *Book, user string) func(){
		"PLAIN": func(b *Book, user string) func() {
			return func() { b.Login(ctx, user, word) }
		},
		"SCRAM, the salt": func(b *Book, user string) func() {
			step := b.Scram(nil, false)
			return func() { step(ctx, []byte("n,,n="+user+",r=abc")) }
		},
	}
}

// medians are how long the two kinds of refusal take, tried in turns.
func medians(b *Book, step func(b *Book, user string) func()) (known, unknown time.Duration) {
	took := map[string][]time.Duration{}
	for range 5 {
		for _, user := range []string{"alice@demo.test", "nobody@demo.test"} {
			do := step(b, user)
			start := time.Now()
			do()
			took[user] = append(took[user], time.Since(start))
		}
	}
	middle := func(d []time.Duration) time.Duration { slices.Sort(d); return d[len(d)/2] }
	return middle(took["alice@demo.test"]), middle(took["nobody@demo.test"])
}

// TestRefusalsCannotBeTold: of ten thousand refusals of each kind nobody tells which
// named a user (ATTACKS D14): medians within a millisecond, and one distribution by the
// test of Kolmogorov and Smirnov at one in a thousand.
func TestRefusalsCannotBeTold(t *testing.T) {
	if !*long {
		t.Skip("minutes; with -long")
	}
	t.Parallel()
	b, _, _ := newBook(t)
	alice := add(t, b, "alice@demo.test")
	addPassword(t, b, alice.ID, "phone")
	b.pace = answerPace
	for name, step := range refusals(t.Context()) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const n = 10_000
			var took [2][]time.Duration
			for range n {
				first := rand.IntN(2)
				for _, who := range []int{first, 1 - first} {
					do := step(b, []string{"alice@demo.test", "nobody@demo.test"}[who])
					start := time.Now()
					do()
					took[who] = append(took[who], time.Since(start))
				}
			}
			slices.Sort(took[0])
			slices.Sort(took[1])
			apart, most := (took[0][n/2] - took[1][n/2]).Abs(), 1.95*math.Sqrt(2.0/n)
			d := distance(took[0], took[1])
			t.Logf("medians %v apart, distributions %.4f, at most %.4f", apart, d, most)
			if apart > time.Millisecond || d > most {
				t.Error("they can be told apart")
			}
		})
	}
}

// distance is how far the distributions of two sorted samples of one size are apart.
func distance(a, b []time.Duration) (most float64) {
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] < b[j]:
			i++
		case a[i] > b[j]:
			j++
		default:
			i++
			j++
		}
		most = max(most, math.Abs(float64(i-j))/float64(len(a)))
	}
	return most
}

// The last step of SCRAM looks nobody up; it does the same for everybody, and
// refuses on the tick too.
func TestScramProofIsRefusedOnTheTick(t *testing.T) {
	t.Parallel()
	b, _, _ := newBook(t)
	b.pace = 30 * time.Millisecond
	for _, user := range []string{add(t, b, "alice@demo.test").Addresses[0].String(), "nobody@demo.test"} {
		step := b.Scram(nil, false)
		challenge, _, _ := step(t.Context(), []byte("n,,n="+user+",r=abc"))
		nonce, _, _ := strings.Cut(string(challenge), ",")
		start := time.Now()
		_, _, err := step(t.Context(), []byte("c=biws,"+nonce+",p="+strings.Repeat("A", 43)+"="))
		if took := time.Since(start); !errors.Is(err, ErrLogin) || took < b.pace {
			t.Errorf("%s: %v after %v", user, err, took)
		}
	}
}

func FuzzScram(f *testing.F) {
	b, _, _ := newBook(f)
	alice := add(f, b, "alice@demo.test")
	addPassword(f, b, alice.ID, "phone")
	f.Add("n,,n=alice@demo.test,r=abc", "c=biws,r=abc,p=AAAA", "")
	f.Add("y,a=alice@demo.test,n=alice@demo.test,r=,", "c=eSws,r=,p=", "x")
	f.Add("p=tls-exporter,,n=,r=", ",,,", "")
	f.Fuzz(func(t *testing.T, first, final, last string) {
		step := b.Scram(nil, false)
		for _, said := range []string{first, final, last} {
			if _, who, err := step(t.Context(), []byte(said)); who != nil || (err != nil && !errors.Is(err, ErrLogin)) {
				t.Fatalf("%q: %v, %v", said, who, err)
			}
		}
	})
}
