/* traps.h - the interrupt descriptor table */
#pragma once
void idt_build(void); /* once, on the boot CPU */
void idt_load(void);  /* on each CPU */
