/* device_name.c - what a PCI function is, in words for the log */
#include <hv/iommu_impl.h>

static const struct {
    uint16_t class;
    const char *name;
} classes[] = {
    {0x0100, "SCSI controller"},     {0x0101, "IDE controller"}, {0x0106, "SATA controller"},
    {0x0108, "NVMe controller"},     {0x0200, "network card"},   {0x0280, "network card"},
    {0x0300, "graphics card"},       {0x0380, "graphics card"},  {0x0401, "sound card"},
    {0x0403, "sound card"},          {0x0600, "host bridge"},    {0x0601, "ISA bridge"},
    {0x0604, "PCI bridge"},          {0x0703, "modem"},          {0x0805, "SD card controller"},
    {0x0c00, "FireWire controller"}, {0x0c03, "USB controller"}, {0x0c05, "SMBus controller"},
    {0x1080, "crypto device"},       {0x1200, "accelerator"},
};

static const char *class_name(uint32_t class)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(classes); i++)
        if (classes[i].class == class)
            return classes[i].name;
    return "device";
}

struct device_name device_name(struct pci_addr a)
{
    uint32_t id = host_pci_read(a, 0, 4);

    if (id == 0xffffffff)
        return (struct device_name){"nothing that answers", 0xffff, 0xffff};
    return (struct device_name){class_name(host_pci_read(a, 8, 4) >> 16), (uint16_t)id, (uint16_t)(id >> 16)};
}
