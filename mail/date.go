package mail

import (
	"net/mail"
	"strings"
	"time"
)

// brokenDates are forms seen in real mail that RFC 5322 does not allow.
var brokenDates = []string{
	"2 Jan 2006 15:04:05",
	"2 Jan 2006 15:04",
	"2 Jan 06 15:04:05",
	"2-Jan-2006 15:04:05 -0700",
	"2-Jan-06 15:04:05 -0700",
	"2-Jan-2006 15:04:05",
	"Jan 2 15:04:05 2006",
	"Jan 2 15:04:05 -0700 2006",
	"Jan 2 15:04:05 MST 2006",
	"Jan 2 2006 15:04:05 -0700",
	"Jan 2 2006 15:04:05",
	"January 2 2006 15:04:05",
	"2 January 2006 15:04:05 -0700",
	"2 January 2006 15:04:05",
	"2 Jan 2006 3:04:05 PM -0700",
	"2 Jan 2006 15.04.05 -0700",
	"2 Jan 2006 15:04:05 -07:00",
	"2 Jan 2006 15:04:05 -07",
	"2006-01-02T15:04:05Z07:00",
	"2006-01-02 15:04:05 -0700",
	"2006-01-02 15:04:05",
	"2006/01/02 15:04:05",
	"1/2/2006 3:04:05 PM",
	"2 Jan 2006",
}

// maxDate is how much of a Date field is read.
const maxDate = 128

// parseDate reads a Date field (RFC 5322, section 3.3) and the broken forms
// above; the zero time says that it could not.
func parseDate(s string) time.Time {
	if len(s) > maxDate {
		s = s[:maxDate]
	}
	if t, err := mail.ParseDate(s); err == nil {
		return saneDate(t)
	}
	s = tidyDate(s)
	if t, err := mail.ParseDate(s); err == nil {
		return saneDate(t)
	}
	for _, layout := range brokenDates {
		if t, err := time.Parse(layout, s); err == nil {
			return saneDate(t)
		}
	}
	return time.Time{}
}

// saneDate keeps dates whose year and zone every protocol can write.
func saneDate(t time.Time) time.Time {
	_, zone := t.Zone()
	if t.Year() < 1 || t.Year() > 9999 || t.UTC().Year() < 1 || t.UTC().Year() > 9999 || zone <= -24*3600 || zone >= 24*3600 {
		return time.Time{}
	}
	return t.Truncate(time.Second)
}

// tidyDate removes comments, the day of the week, doubled spaces and commas,
// and brings zones such as GMT+0200 into the usual form.
func tidyDate(s string) string {
	s, _, _ = strings.Cut(s, "(")
	s = strings.ReplaceAll(s, ",", " ")
	words := strings.Fields(s)
	if len(words) > 1 && isDayName(words[0]) {
		words = words[1:]
	}
	for i, w := range words {
		for _, name := range []string{"GMT", "UTC", "UT"} {
			if zone, ok := strings.CutPrefix(w, name); ok && zone != "" {
				words[i] = zone
			}
		}
	}
	return strings.Join(words, " ")
}

// isDayName takes any word without digits that is no month for a day of the
// week, since it may be in any language.
func isDayName(s string) bool {
	if strings.ContainsAny(s, "0123456789") {
		return false
	}
	if len(s) < 3 {
		return true
	}
	return !strings.Contains("jan feb mar apr may jun jul aug sep oct nov dec", strings.ToLower(s[:3]))
}
