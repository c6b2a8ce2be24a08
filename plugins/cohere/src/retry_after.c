#include "retry_after.h"

#include "text.h"

/* Reads seconds, perhaps with a fraction, as milliseconds rounded up. */
static bool read_seconds(Str text, uint32_t *ms) {
    uint64_t number = 0;
    size_t at = 0;
    for (; at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9'; at++) {
        if (number <= UINT32_MAX) number = number * 10 + (uint64_t)(text.ptr[at] - '0');
    }
    if (at == 0) return false;
    number *= 1000;
    if (at < text.len && text.ptr[at] == '.') {
        uint64_t unit = 100;
        bool more = false;
        for (at++; at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9'; at++, unit /= 10) {
            number += unit * (uint64_t)(text.ptr[at] - '0');
            more |= unit == 0 && text.ptr[at] != '0';
        }
        number += more;
    }
    if (at != text.len) return false;
    *ms = number > UINT32_MAX ? UINT32_MAX : (uint32_t)number;
    return true;
}

static bool read_number(const uint8_t *at, size_t digits, int64_t *number) {
    *number = 0;
    for (size_t i = 0; i < digits; i++) {
        if (at[i] < '0' || at[i] > '9') return false;
        *number = *number * 10 + (at[i] - '0');
    }
    return true;
}

/* Days since 1 March of the year 0 in the Gregorian calendar: a year that starts in March has its leap day at its end.
 */
static int64_t days_of(int64_t year, int64_t month, int64_t day) {
    if (month < 3) {
        year--;
        month += 12;
    }
    return 365 * year + year / 4 - year / 100 + year / 400 + (153 * (month - 3) + 2) / 5 + day;
}

/* `Sun, 06 Nov 1994 08:49:37 GMT`, the one form that may still be sent, as seconds. */
static bool read_date(Str text, int64_t *seconds) {
    static const char MONTHS[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    enum { LENGTH = 29 };
    if (text.len != LENGTH) return false;
    const uint8_t *at = text.ptr;
    int64_t day, year, hour, minute, second;
    if (!read_number(at + 5, 2, &day) || !read_number(at + 12, 4, &year) || !read_number(at + 17, 2, &hour)
        || !read_number(at + 20, 2, &minute) || !read_number(at + 23, 2, &second)) {
        return false;
    }
    int64_t month = 1;
    while (month <= 12
           && !text_is_nocase((Str){text.ptr + 8, 3},
                              (const char[]){MONTHS[3 * month - 3], MONTHS[3 * month - 2], MONTHS[3 * month - 1], 0})) {
        month++;
    }
    if (month > 12 || !text_is((Str){text.ptr + 25, 4}, " GMT")) return false;
    *seconds = ((days_of(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    return true;
}

bool retry_after_ms(Str retry_after, Str date, uint32_t *ms) {
    retry_after = text_trim(retry_after);
    if (read_seconds(retry_after, ms)) return true;
    int64_t until;
    int64_t now;
    if (!read_date(retry_after, &until) || !read_date(text_trim(date), &now)) return false;
    int64_t wait = until > now ? until - now : 0;
    *ms = wait > UINT32_MAX / 1000 ? UINT32_MAX : (uint32_t)wait * 1000;
    return true;
}
