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
	if s == "" {
		return time.Time{}
	}
	if len(s) > maxDate {
		s = s[:maxDate]
	}
	if t, ok := usualDate(s); ok {
		return t
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

// usualDate reads the form nearly all mail has, "Thu, 22 Aug 2002 18:26:25
// +0700" with or without the day's name. It is here because net/mail spends
// more on trying its layouts than the rest of an envelope takes.
func usualDate(s string) (time.Time, bool) {
	if len(s) > 5 && s[3] == ',' && s[4] == ' ' {
		s = s[5:]
	}
	if len(s) > 1 && s[1] == ' ' {
		s = "0" + s
	}
	const form = "00 Aaa 0000 00:00:00 #0000"
	if len(s) != len(form) {
		return time.Time{}, false
	}
	for i := range len(form) {
		c := s[i]
		switch form[i] {
		case '0':
			if c < '0' || c > '9' {
				return time.Time{}, false
			}
		case ' ', ':':
			if c != form[i] {
				return time.Time{}, false
			}
		}
	}
	number := func(i int) int { return int(s[i]-'0')*10 + int(s[i+1]-'0') }
	month := strings.Index("JanFebMarAprMayJunJulAugSepOctNovDec", s[3:6])
	zone := (number(22)*60 + number(24)) * 60
	if s[21] == '-' {
		zone = -zone
	}
	if month < 0 || month%3 != 0 || s[21] != '+' && s[21] != '-' || number(24) > 59 || zone <= -24*3600 || zone >= 24*3600 {
		return time.Time{}, false
	}
	where := time.UTC
	if zone != 0 {
		where = time.FixedZone("", zone)
	}
	year, day := number(7)*100+number(9), number(0)
	t := time.Date(year, time.Month(month/3+1), day, number(12), number(15), number(18), 0, where)
	// A day, hour, minute or second that does not exist was carried over.
	ok := year >= 1000 && t.Day() == day && t.Hour() == number(12) && t.Minute() == number(15) && t.Second() == number(18)
	return t, ok
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
