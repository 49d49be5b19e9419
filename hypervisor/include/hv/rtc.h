/* rtc.h - the CMOS clock */
#pragma once
void rtc_init(void); /* after time_init() */
