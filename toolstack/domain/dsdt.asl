/* dsdt.asl - a domU's platform: it can be switched off, and that is all that ACPI describes */
DefinitionBlock ("dsdt.aml", "DSDT", 2, "ATOLL", "DOMU", 1)
{
    /* SLP_TYP for the sleep control register: PLATFORM_SLP_TYP_S5 */
    Name (\_S5, Package () { 0x05, 0x05, 0x00, 0x00 })
}
