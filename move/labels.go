package move

import (
	"io"
	"strings"

	"sealpost/mail"
)

// labels are what a message of an mbox says of its own state.
type labels struct {
	status   string   // Status and X-Status
	keywords []string // X-Keywords, as Dovecot writes them
	gmail    []string // X-Gmail-Labels
}

const labelHeader = 64 << 10

func readLabels(r io.ReaderAt) labels {
	h, err := mail.ReadHeader(r, 0, labelHeader)
	if err != nil {
		return labels{}
	}
	var l labels
	for _, name := range []string{"Status", "X-Status"} {
		for _, v := range h.Values(name) {
			l.status += v
		}
	}
	if all := h.Values("X-Keywords"); len(all) > 0 { // those below the first may be its sender's
		l.keywords = strings.Fields(strings.ReplaceAll(all[0], ",", " "))
		l.keywords = l.keywords[:min(len(l.keywords), maxFlags)]
	}
	for _, v := range h.Values("X-Gmail-Labels") {
		for label := range strings.SplitSeq(mail.Decode(v), ",") {
			if label = strings.Trim(strings.TrimSpace(label), `"`); label != "" && len(l.gmail) < maxFlags {
				l.gmail = append(l.gmail, label)
			}
		}
	}
	return l
}

// place says where the message goes and with which flags.
func (l labels) place(otherwise string) (box string, flags []string) {
	box = otherwise
	letters := map[rune]string{'R': `\Seen`, 'A': `\Answered`, 'F': `\Flagged`, 'D': `\Deleted`, 'T': `\Draft`}
	for _, c := range l.status {
		if f, ok := letters[c]; ok {
			flags = append(flags, f)
		}
	}
	flags = append(flags, keywords(l.keywords)...)
	if len(l.gmail) == 0 {
		return box, flags
	}
	return l.placeGmail(flags)
}

// placeGmail reads labels as a Google export writes them: a message has several,
// and a mailbox is chosen by the most telling one.
func (l labels) placeGmail(flags []string) (string, []string) {
	boxes := map[string]string{"Inbox": "INBOX", "Sent": "Sent", "Drafts": "Drafts", "Draft": "Drafts", "Trash": "Trash", "Spam": "Junk"}
	box, own, unread := "", "", false
	for _, label := range l.gmail {
		switch {
		case label == "Unread":
			unread = true
		case label == "Starred":
			flags = append(flags, `\Flagged`)
		case boxes[label] != "":
			if box == "" || box == "INBOX" {
				box = boxes[label]
			}
		case label == "Opened" || label == "Archived" || label == "Important" || strings.HasPrefix(label, "Category "):
		default:
			own = label
		}
	}
	if !unread {
		flags = append(flags, `\Seen`)
	}
	switch {
	case box != "" && (box != "INBOX" || own == ""):
		return box, flags
	case own != "":
		return own, flags
	default:
		return "Archive", flags
	}
}
