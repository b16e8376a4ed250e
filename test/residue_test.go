package test

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// holds lists the files below dir in which needle stands.
func holds(t *testing.T, dir string, needle []byte) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, needle) {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// F03: what an account leaves behind when it is removed is nothing: not its
// address, not the visible headers of its mail, not a line of its ciphertext,
// neither in rows nor in free pages nor in segments.
func TestF03RemovedMeansGone(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	gone := "leaver@demo.test"
	d.run(t, nil, "account", "add", gone, "--config", d.Config, "--key", publicKey(t, d, d.bob()), "--headers", "open")
	s := newSender(t, d.SMTP)
	for i := range 30 {
		big := strings.Repeat("filling words to make some of them large\r\n", i*500)
		mail := fmt.Sprintf("From: \"Visible Yapok\" <eve@example.org>\r\nTo: friends@example.net\r\nSubject: Visible Yapok\r\nMessage-ID: <yapok%d@example.org>\r\n\r\nhello\r\n%s", i, big)
		for _, to := range []string{gone, d.alice().Address} {
			if err := s.send("eve@example.org", to, []byte(mail)); err != nil {
				t.Fatal(err)
			}
		}
	}
	packets := dearmored(t, d.run(t, nil, "message", "get", gone, "3", "--part", "message", "--config", d.Config))
	line := packets[len(packets)/2:][:48]
	subject := []byte("Visible Yapok")
	if len(holds(t, d.data(), line)) == 0 || len(holds(t, d.data(), subject)) == 0 || len(holds(t, d.data(), []byte("leaver"))) == 0 {
		t.Fatal("what must vanish was not there before: the test looks in the wrong place")
	}
	d.run(t, nil, "account", "remove", gone, "--yes", "--config", d.Config)
	for name, needle := range map[string][]byte{"ciphertext": line, "address": []byte("leaver")} {
		if files := holds(t, d.data(), needle); len(files) > 0 {
			t.Errorf("F03: %s of the removed account still stands in %v", name, files)
		}
	}
	if files := holds(t, d.data(), []byte("Subject: Visible Yapok")); len(files) > 0 {
		t.Errorf("F03: subjects of the removed account still stand in %v", files)
	}
	left := 0
	if err := fetchAll(d.login(t, d.alice()), "INBOX", func(served) error { left++; return nil }); err != nil || left != 30 {
		t.Errorf("alice has %d of her 30 mails after another account went: %v", left, err)
	}
}

// dearmored is the packets of a served mail, as they lie on the disk.
func dearmored(t *testing.T, mail []byte) []byte {
	t.Helper()
	need(t, "gpg")
	begin := bytes.Index(mail, []byte("-----BEGIN PGP MESSAGE-----"))
	if begin < 0 {
		t.Fatalf("no armor in\n%s", tail(string(mail), 500))
	}
	return do(t, mail[begin:], "gpg", "--batch", "--quiet", "--dearmor")
}

var mapping = regexp.MustCompile(`^([0-9a-f]+)-([0-9a-f]+) rw`)

// memoryWords counts which of the numbered words stand anywhere in the
// writable memory of a process.
func memoryWords(t *testing.T, pid int, prefix string) map[string]bool {
	t.Helper()
	maps, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		skip(t, "the memory of another process cannot be read here: "+err.Error())
	}
	defer maps.Close()
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		skip(t, "the memory of another process cannot be read here: "+err.Error())
	}
	defer mem.Close()
	word := regexp.MustCompile(prefix + `[0-9]{4}`)
	found := map[string]bool{}
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		m := mapping.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		var from, to int64
		fmt.Sscanf(m[1], "%x", &from)
		fmt.Sscanf(m[2], "%x", &to)
		const window, overlap = 1 << 20, 64
		buf := make([]byte, window+overlap)
		for at := from; at < to; at += window {
			n, _ := mem.ReadAt(buf[:min(window+overlap, to-at)], at)
			for _, w := range word.FindAll(buf[:n], -1) {
				found[string(w)] = true
			}
		}
	}
	return found
}

// F04: a minute after 1,000 mails at most one in a hundred is still found in
// the server's memory, and a crash would not write that memory to a file.
func TestF04MemoryForgets(t *testing.T) {
	t.Parallel()
	bin, err := plainBinary()
	if err != nil {
		t.Fatal(err)
	}
	d := startDemo(t, withBinary(bin))
	const mails = 1000
	s := newSender(t, d.SMTP)
	for i := range mails {
		mail := fmt.Sprintf("From: eve@example.org\r\nSubject: Kultarr%04d\r\n\r\nKultarr%04d is the word.\r\n%s", i, i, strings.Repeat("more words of no import\r\n", i%200))
		if err := s.send("eve@example.org", d.alice().Address, []byte(mail)); err != nil {
			t.Fatal(err)
		}
	}
	at := len(memoryWords(t, d.cmd.Process.Pid, "Kultarr"))
	s.conn.Close()
	time.Sleep(60 * time.Second)
	after := len(memoryWords(t, d.cmd.Process.Pid, "Kultarr"))
	t.Logf("F04: %d of %d words in memory at once, %d after 60 s", at, mails, after)
	if at == 0 {
		t.Error("not one word was found at once: the look into memory is blind")
	}
	if after > mails/100 {
		t.Errorf("F04: %d of %d mails are still in memory after 60 s, 1 %% is the bound", after, mails)
	}
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", d.cmd.Process.Pid))
	if err != nil || !regexp.MustCompile(`Max core file size\s+0\s+0`).Match(limits) {
		t.Errorf("F04: core dumps are not off: %v\n%s", err, limits)
	}
}
