package keyring

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"sealpost/pgp"
)

func parcelSample(t *testing.T) parcelVector {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "vectors.json"))
	check(t, err)
	var v vectors
	check(t, json.Unmarshal(b, &v))
	return v.Parcel
}

// Any octet of a parcel, any other name, account or secret, and any other password: one error.
func TestParcelOpensWhole(t *testing.T) {
	t.Parallel()
	v := parcelSample(t)
	link, err := ParseLink(v.Link)
	check(t, err)
	letter, hint, err := OpenParcel(link, Passphrase(v.Password), v.Box)
	check(t, err)
	if hint != v.Hint || letter.Subject != "Größe" || len(letter.Files) != 2 || string(letter.Files[0].Data) != "kiwi" || len(letter.Answer.Key) != keySize {
		t.Errorf("%q, %+v", hint, letter)
	}
	if link.Ends() != testTime.AddDate(0, 0, 14) {
		t.Errorf("it ends %s", link.Ends())
	}
	refuse := func(what string, l Link, password string, box []byte, want error) {
		t.Helper()
		if letter, hint, err := OpenParcel(l, Passphrase(password), box); !errors.Is(err, want) || hint != "" || letter.Text != "" {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	refuse("another password", link, "five words", v.Box, ErrClosed)
	refuse("a weak derivation", link, v.Password, v.Weak, ErrWeak)
	for i := 0; i < len(v.Box); i += 1 + len(v.Box)/200 {
		changed := bytes.Clone(v.Box)
		changed[i] ^= 1
		refuse("a changed octet", link, v.Password, changed, ErrClosed)
	}
	refuse("cut", link, v.Password, v.Box[:len(v.Box)-1], ErrClosed)
	for what, change := range map[string]func(*Link){
		"another account": func(l *Link) { l.Account = "ffffffffffffffff" },
		"a later end":     func(l *Link) { l.Name = "ffffffff" + l.Name[8:] },
		"more answers":    func(l *Link) { l.Name = l.Name[:8] + "9" + l.Name[9:] },
		"another secret":  func(l *Link) { l.secret[0] ^= 1 },
	} {
		other := link
		change(&other)
		refuse(what, other, v.Password, v.Box, ErrClosed)
	}
	for _, s := range []string{"", v.Link + "A", v.Link[1:], "x" + v.Link[1:]} {
		if _, err := ParseLink(s); !errors.Is(err, ErrClosed) {
			t.Errorf("link %q: %v", s, err)
		}
	}
}

// What a browser sealed and answered opens here, and the server takes its answer.
func TestBrowserMadeParcelOpens(t *testing.T) {
	t.Parallel()
	s, o := openBrowserSample(t)
	link, err := ParseLink(s.Parcel.Link)
	check(t, err)
	letter, hint, err := OpenParcel(link, Passphrase(s.Parcel.Password), s.Parcel.Box)
	check(t, err)
	if hint != "the café" || letter.Subject != "Grüße from a browser" || letter.To != "outsider@elsewhere.example" || string(letter.Files[0].Data) != "kiwi" {
		t.Errorf("%q, %+v", hint, letter)
	}
	if key := o.answerKey(link.Name[:parcelStem], letter.To); !bytes.Equal(key.b[:], letter.Answer.Key) {
		t.Error("the key of answers is another")
	}
	var out bytes.Buffer
	_, err = pgp.Opener{Keys: o.Keys()}.Open(t.Context(), bytes.NewReader(s.Parcel.Answer), &out)
	check(t, err)
	if proved, answers := o.CheckAnswer(out.Bytes(), letter.To); !proved || !answers {
		t.Errorf("its answer: %v %v", proved, answers)
	}
	for what, payload := range map[string][]byte{
		"another text": append(bytes.Clone(out.Bytes()), 'x'), "another parcel": bytes.Replace(out.Bytes(), []byte(link.Name[:parcelStem]), []byte("0"+link.Name[1:parcelStem]), 1),
		"no mac": []byte("Sealpost-Answer: v=1\r\n\r\n"),
	} {
		if proved, answers := o.CheckAnswer(payload, letter.To); proved || !answers {
			t.Errorf("%s: %v %v", what, proved, answers)
		}
	}
	if proved, _ := o.CheckAnswer(out.Bytes(), "eve@elsewhere.example"); proved {
		t.Error("an answer from another address is proved")
	}
	if proved, answers := o.CheckAnswer(out.Bytes()[2:], letter.To); proved || answers {
		t.Error("a mail that says nothing of a parcel answers one")
	}
}
