package notify

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

var frameSecret = bytes.Repeat([]byte{3}, 32)

func TestFrames(t *testing.T) {
	t.Parallel()
	a, b := newSealer(frameSecret), newSealer(frameSecret)
	topics := []string{"x", "cabinet 0123456789abcdef", strings.Repeat("t", topicMost)}
	frame := a.seal(false, topics)
	everything, own, got, err := b.open(frame)
	if err != nil || everything || own || !slices.Equal(got, topics) {
		t.Errorf("%v %v %q %v", everything, own, got, err)
	}
	if _, own, _, err = a.open(frame); err != nil || !own {
		t.Errorf("a process does not know its own frame: %v", err)
	}
	if everything, _, got, err = b.open(a.seal(true, nil)); err != nil || !everything || len(got) != 0 {
		t.Errorf("everything: %v %q %v", everything, got, err)
	}
	if _, _, _, err := newSealer([]byte("another")).open(frame); err == nil {
		t.Error("opened under another secret")
	}
	for i := range frame {
		changed := bytes.Clone(frame)
		changed[i] ^= 1
		if _, _, _, err := b.open(changed); err == nil {
			t.Fatalf("octet %d was changed, and nobody noticed", i)
		}
	}
	for n := range frame {
		if _, _, _, err := b.open(frame[:n]); err == nil {
			t.Fatalf("cut after %d octets, and nobody noticed", n)
		}
	}
}

// One hint looks like any other; what is packed into a frame fits it.
func TestFrameSizes(t *testing.T) {
	t.Parallel()
	s := newSealer(frameSecret)
	want := len(s.seal(true, nil))
	for _, topic := range []string{"0123456789abcdef", "cabinet 0123456789abcdef", strings.Repeat("x", 64)} {
		if n := len(s.seal(false, []string{topic})); n != want {
			t.Errorf("a frame for %q has %d octets, others %d", topic, n, want)
		}
	}
	for _, octets := range []int{frameLeast, 1000, 5997, 16 << 10, frameMost} {
		full := make([]string, room(octets)/17)
		for i := range full {
			full[i] = "0123456789abcdef"
		}
		n := len(s.seal(false, full))
		if n > octets {
			t.Errorf("a frame of at most %d octets has %d", octets, n)
		}
		if n < octets-2*framePad {
			t.Errorf("a frame that may have %d octets has %d", octets, n)
		}
	}
}

func FuzzOpenFrame(f *testing.F) {
	a, b := newSealer(frameSecret), newSealer(frameSecret)
	f.Add([]byte{}, false)
	f.Add(a.seal(false, []string{"x"}), false)
	f.Add([]byte{1, 0, 255, 'x'}, true)
	f.Fuzz(func(t *testing.T, data []byte, sealed bool) {
		if sealed { // by who has the secret, with anything inside
			frame := append([]byte{frameVersion}, make([]byte, frameHead-1)...)
			data = a.aead.Seal(frame, frame[1:], append(make([]byte, frameSender), data...), frame[:1])
		}
		everything, _, topics, err := b.open(data)
		if err != nil && (everything || topics != nil) {
			t.Error("a frame that is none says something")
		}
		for _, topic := range topics {
			if topic == "" || len(topic) > topicMost {
				t.Errorf("a topic of %d octets", len(topic))
			}
		}
	})
}
