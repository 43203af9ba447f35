namespace VhostSwitch.Ports.Tests;

/// <summary>What people read of each attack on a packed ring.</summary>
internal static class PackedAttackTexts
{
    public static readonly Dictionary<string, string> ByName = new()
    {
        ["transmits a packed chain that goes round the whole ring"] = "broken: ring 1: a descriptor chain of more than 256 entries (a loop)",
        ["CVE-2016-6490: transmits a packed chain without length that goes round the whole ring"] =
            "broken: ring 1: a descriptor chain of more than 256 entries (a loop)",
        ["receives into a packed chain that goes round the whole ring"] = "broken: ring 0: a descriptor chain of more than 256 entries (a loop)",
        ["CVE-2016-6490: receives into a packed chain without length that goes round the whole ring"] =
            "broken: ring 0: a descriptor chain of more than 256 entries (a loop)",
        ["transmits from outside the memory on a packed ring"] = "broken: ring 1: the buffer at 0xdead0000 is outside the guest's memory",
        ["CVE-2018-1059: transmits beyond the end of a region on a packed ring"] =
            "broken: ring 1: the buffer at 0x100100000 is outside the guest's memory",
        ["transmits from the end of all addresses on a packed ring"] =
            "broken: ring 1: the buffer at 0xffffffffffffffe0 is outside the guest's memory",
        ["transmits four gigabytes on a packed ring"] = "broken: ring 1: the buffer at 0x100100000 is outside the guest's memory",
        ["transmits more bytes than a length can tell on a packed ring"] = "broken: ring 1: a descriptor chain of 4294967367 bytes",
        ["transmits what the device is to write on a packed ring"] = "broken: ring 1: a descriptor of the wrong direction at index 0",
        ["CVE-2022-2132: transmits less than a header on a packed ring"] = "broken: ring 1: a buffer of 11 bytes, shorter than the network header",
        ["transmits nothing at all on a packed ring"] = "broken: ring 1: a buffer of 0 bytes, shorter than the network header",
        ["CVE-2020-10725: transmits nothing in the third of four packed entries"] =
            "broken: ring 1: a buffer of 0 bytes, shorter than the network header",
        ["CVE-2020-10725: transmits from outside the memory in the third of four packed entries"] =
            "broken: ring 1: the buffer at 0xdead0000 is outside the guest's memory",
        ["transmits an empty indirect table on a packed ring"] = "broken: ring 1: a bad indirect descriptor table of 0 bytes",
        ["transmits an indirect table of half an entry on a packed ring"] = "broken: ring 1: a bad indirect descriptor table of 8 bytes",
        ["transmits an indirect table of one and a half entries on a packed ring"] = "broken: ring 1: a bad indirect descriptor table of 24 bytes",
        ["transmits an indirect table outside the memory on a packed ring"] =
            "broken: ring 1: the buffer at 0xdead0000 is outside the guest's memory",
        ["transmits an indirect table of four gigabytes on a packed ring"] =
            "broken: ring 1: the buffer at 0x100100000 is outside the guest's memory",
        ["transmits an indirect table of 600 entries on a packed ring"] = "broken: ring 1: a descriptor chain of more than 514 entries (a loop)",
        ["transmits an indirect table with a buffer outside the memory on a packed ring"] =
            "broken: ring 1: the buffer at 0xdead0000 is outside the guest's memory",
        ["CVE-2018-1059: transmits an indirect table beyond the end of a region on a packed ring"] =
            "broken: ring 1: the buffer at 0x100100000 is outside the guest's memory",
        ["transmits an indirect table that goes on in the ring on a packed ring"] = "broken: ring 1: a bad indirect descriptor table of 16 bytes",
        ["transmits an indirect table in an indirect table on a packed ring"] = "runt",
        ["receives what the device is to read on a packed ring"] = "broken: ring 0: a descriptor of the wrong direction at index 0",
        ["receives outside the memory on a packed ring"] = "broken: ring 0: the buffer at 0xdead0000 is outside the guest's memory",
        ["CVE-2018-1059: receives beyond the end of a region on a packed ring"] =
            "broken: ring 0: the buffer at 0x100100000 is outside the guest's memory",
        ["receives at the end of all addresses on a packed ring"] = "broken: ring 0: the buffer at 0xffffffffffffffe0 is outside the guest's memory",
        ["receives into less than a header on a packed ring"] = "broken: ring 0: a buffer of 11 bytes, shorter than the network header",
        ["receives into nothing on a packed ring"] = "broken: ring 0: a buffer of 0 bytes, shorter than the network header",
        ["receives into an empty indirect table on a packed ring"] = "broken: ring 0: a bad indirect descriptor table of 0 bytes",
        ["receives into an indirect table that the device is to read on a packed ring"] =
            "broken: ring 0: a descriptor of the wrong direction at index 0",
        ["CVE-2021-3748: receives into a second packed buffer outside the memory"] =
            "broken: ring 0: the buffer at 0xdead0000 is outside the guest's memory",
        ["receives into a header alone on a packed ring"] = "receiver_buffer_too_small",
        ["receives into half of what a frame needs on a packed ring"] = "receiver_buffer_too_small",
        ["makes a packed ring of 0 entries"] = "SET_VRING_NUM 0 for ring 1: a ring has 1 to 32768 entries",
        ["makes a packed ring of 32769 entries"] = "SET_VRING_NUM 32769 for ring 1: a ring has 1 to 32768 entries",
        ["makes a packed ring of 65535 entries"] = "SET_VRING_NUM 65535 for ring 1: a ring has 1 to 32768 entries",
        ["makes a packed ring of four billion entries"] = "SET_VRING_NUM 4294967295 for ring 1: a ring has 1 to 32768 entries",
        ["begins a packed ring that runs anew"] = "SET_VRING_BASE for ring 0, which runs",
        ["turns packed rings into split ones while they run"] = "while rings run with 0x5",
        ["begins a packed ring behind its end"] = "negotiating: ring 1 of 256 entries is to go on from entry 300",
        ["begins a packed ring of 256 entries at entry 256"] = "negotiating: ring 1 of 256 entries is to go on from entry 256",
        ["begins a packed ring at entry 32767 of both rounds"] = "negotiating: ring 1 of 256 entries is to go on from entry 32767",
        ["begins a split ring where a packed one stood"] = "negotiating: ring 1 lies outside the guest's memory",
        ["places a packed ring across the end of a region"] = "negotiating: ring 1 lies outside the guest's memory",
        ["places a packed ring's driver event area across the end of a region"] = "negotiating: ring 1 lies outside the guest's memory",
        ["places a packed ring's device event area at the end of all addresses"] = "negotiating: ring 1 lies outside the guest's memory",
        ["misaligns a packed ring"] = "negotiating: ring 1 has misaligned addresses",
        ["misaligns a packed ring's driver event area"] = "negotiating: ring 1 has misaligned addresses",
        ["misaligns a packed ring's device event area"] = "negotiating: ring 1 has misaligned addresses",
    };
}
