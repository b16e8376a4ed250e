package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"golang.org/x/sys/unix"
)

// locked writes a secret key that a passphrase locks.
func locked(t *testing.T, s *site, passphrase string) (file string) {
	t.Helper()
	secret, _ := s.keys(t, "ann@demo.test")
	keys, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(read(t, secret)))
	if err != nil {
		t.Fatal(err)
	}
	if err := keys[0].EncryptPrivateKeys([]byte(passphrase), nil); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w, err := armor.Encode(&b, openpgp.PrivateKeyType, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := keys[0].SerializePrivateWithoutSigning(w, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return s.write(t, "locked.asc", b.Bytes())
}

// pseudoterminal is both ends of a terminal: the one a person sits at, and the
// one a program has.
func pseudoterminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no pseudoterminals here: ", err)
	}
	t.Cleanup(func() { person.Close() })
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return person, program
}

func shows(t *testing.T, terminal *os.File) bool {
	t.Helper()
	mode, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return mode.Lflag&unix.ECHO != 0
}

// TestPassphraseOnTerminal: it is asked for there, not shown, and the terminal
// shows what is typed again afterwards, also when the person gave up.
func TestPassphraseOnTerminal(t *testing.T) {
	t.Parallel()
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	key := locked(t, newSite(t), "open sesame")
	for typed, want := range map[string]string{
		"open sesame\n": "found no OpenPGP message", // the key is open; there is no mail
		"sesame\n":      "the passphrase is wrong",
		"\x03":          "nothing was typed", // Ctrl-C
	} {
		person, terminal := pseudoterminal(t)
		var said bytes.Buffer
		open := exec.Command(program, "open", "--key", key)
		open.Stderr, open.Stdout = &said, io.Discard
		open.ExtraFiles = []*os.File{terminal}
		open.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 3}
		if err := open.Start(); err != nil {
			t.Fatal(err)
		}
		until(t, "the terminal is silent", func() bool { return !shows(t, terminal) })
		time.Sleep(20 * time.Millisecond)
		if _, err := person.WriteString(typed); err != nil {
			t.Fatal(err)
		}
		ended := time.AfterFunc(10*time.Second, func() { open.Process.Kill() })
		_ = open.Wait()
		ended.Stop()
		if open.ProcessState.ExitCode() != exitFailed || !strings.Contains(said.String(), want) {
			t.Errorf("typed %q: %v: %q, want %q", typed, open.ProcessState, said.String(), want)
		}
		if !shows(t, terminal) {
			t.Errorf("typed %q: the terminal stays silent", typed)
		}
	}
}
