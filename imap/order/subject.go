package order

import "strings"

// BaseSubject is a subject without what replying and forwarding put around it
// (RFC 5256, section 2.1). answered says that there was some of that.
func BaseSubject(subject string) (base string, answered bool) {
	s := strings.Join(strings.Fields(subject), " ")
	for {
		s = trimTrailers(s, &answered)
		for {
			before := s
			s = trimLeaders(s, &answered)
			s = trimBlobs(s)
			if s == before {
				break
			}
		}
		inner, ok := cutForward(s)
		if !ok {
			return s, answered
		}
		s, answered = inner, true
	}
}

// trimTrailers removes "(fwd)" and white space from the end: subj-trailer.
func trimTrailers(s string, answered *bool) string {
	for {
		s = strings.TrimRight(s, " \t")
		n := len(s) - len("(fwd)")
		if n < 0 || !strings.EqualFold(s[n:], "(fwd)") {
			return s
		}
		s, *answered = s[:n], true
	}
}

// trimLeaders removes "re:", "fwd[2]:" and the like from the front: subj-leader,
// which is *subj-blob subj-refwd, or white space.
func trimLeaders(s string, answered *bool) string {
	for {
		s = strings.TrimLeft(s, " \t")
		rest := s
		for ok := true; ok; {
			rest, ok = cutBlob(rest)
		}
		rest, ok := cutRefwd(rest)
		if !ok {
			return s
		}
		s, *answered = rest, true
	}
}

// cutRefwd removes ("re" / "fw" ["d"]) *WSP [subj-blob] ":".
func cutRefwd(s string) (rest string, ok bool) {
	for _, word := range []string{"re", "fwd", "fw"} {
		if len(s) < len(word) || !strings.EqualFold(s[:len(word)], word) {
			continue
		}
		rest := strings.TrimLeft(s[len(word):], " \t")
		rest, _ = cutBlob(rest)
		if rest, ok := strings.CutPrefix(rest, ":"); ok {
			return rest, true
		}
	}
	return s, false
}

// cutBlob removes "[" *BLOBCHAR "]" *WSP.
func cutBlob(s string) (rest string, ok bool) {
	if !strings.HasPrefix(s, "[") {
		return s, false
	}
	end := strings.IndexAny(s[1:], "[]")
	if end < 0 || s[1+end] != ']' {
		return s, false
	}
	return strings.TrimLeft(s[end+2:], " \t"), true
}

// trimBlobs removes blobs from the front while there is more behind them. All at once:
// what stands behind them was looked at by trimLeaders, and is what it was.
func trimBlobs(s string) string {
	for {
		rest, ok := cutBlob(s)
		if !ok || rest == "" {
			return s
		}
		s = rest
	}
}

// cutForward takes what is within "[fwd:" and "]".
func cutForward(s string) (inner string, ok bool) {
	const head = "[fwd:"
	if len(s) <= len(head) || !strings.EqualFold(s[:len(head)], head) || !strings.HasSuffix(s, "]") {
		return s, false
	}
	return s[len(head) : len(s)-1], true
}
