namespace VhostSwitch.Ports.Tests;

/// <summary>What people read of each attack by logs, translations, inflight memory, postcopy and the smaller requests.</summary>
internal static class RequestAttackTexts
{
    public static readonly Dictionary<string, string> ByName = new()
    {
        ["listens for postcopy that was not announced"] = "POSTCOPY_LISTEN without POSTCOPY_ADVISE",
        ["listens for postcopy when its memory is there"] = "POSTCOPY_LISTEN after the memory table",
        ["announces postcopy with a payload"] = "POSTCOPY_ADVISE with 8 bytes of payload; it has 0",
        ["listens for postcopy with a descriptor"] = "POSTCOPY_LISTEN with 1 descriptors; it has 0",
        ["sends a bad memory table while it listens for postcopy"] =
            "a memory region ends at byte 1099511631872 of its file, which has 24576: it cannot be used",
        ["sets an MTU of 0"] = "NET_SET_MTU 0: an MTU is 68 to 65535",
        ["sets an MTU beyond all numbers"] = "NET_SET_MTU 18446744073709551615: an MTU is 68 to 65535",
        ["sets an MTU of two numbers"] = "NET_SET_MTU with 16 bytes of payload; it has 8",
        ["announces half an address"] = "SEND_RARP with 6 bytes of payload; it has 8",
        ["resets with a payload"] = "RESET_DEVICE with 8 bytes of payload; it has 0",
        ["resets with a descriptor"] = "RESET_DEVICE with 1 descriptors; it has 0",
        ["takes PAGEFAULT where there is no postcopy"] = "SET_PROTOCOL_FEATURES with bits 0x100, which were not offered",
        ["announces postcopy where there is none"] = "POSTCOPY_ADVISE without the protocol feature PAGEFAULT",
        ["listens for postcopy where there is none"] = "POSTCOPY_LISTEN without the protocol feature PAGEFAULT",
        ["ends postcopy where there is none"] = "POSTCOPY_END without the protocol feature PAGEFAULT",
        ["sets a log without LOG_SHMFD"] = "SET_LOG_BASE without the protocol feature LOG_SHMFD",
        ["sets a log of 0 bytes"] = "SET_LOG_BASE with 0 bytes at file offset 0: impossible",
        ["CVE-2020-10722: sets a log whose size and offset wrap"] = "SET_LOG_BASE with 18446744073709547520 bytes at file offset 8192: impossible",
        ["sets a log of nearly all addresses"] = "SET_LOG_BASE with 18446744073709547519 bytes at file offset 0: impossible",
        ["sets a log that is longer than its file"] = "SET_LOG_BASE up to byte 1099511627776 of a file that has 24576",
        ["sets a log that begins behind its file"] = "SET_LOG_BASE up to byte 1099511631872 of a file that has 24576",
        ["sets a log that begins within a word"] = "SET_LOG_BASE at file offset 4: a multiple of 8 is needed, bits are set by the word",
        ["sets a log without a file"] = "SET_LOG_BASE with 0 descriptors; it has 1",
        ["sets a log with two files"] = "SET_LOG_BASE with 2 descriptors; it has 1",
        ["sets a log of half a size"] = "SET_LOG_BASE with 4 bytes of payload; it has 16",
        ["sets a log that is no file"] = "SET_LOG_BASE up to byte 4096 of a file that has 0",
        ["sends SET_LOG_FD, which nobody needs"] = "message 7 is not known here",
        ["hands over a socket for requests without BACKEND_REQ"] = "SET_BACKEND_REQ_FD without the protocol feature BACKEND_REQ",
        ["hands over no socket for requests"] = "SET_BACKEND_REQ_FD with 0 descriptors; it has 1",
        ["hands over a memory file as a socket for requests"] = "SET_BACKEND_REQ_FD with a descriptor that is no Unix stream socket",
        ["hands over an eventfd as a socket for requests"] = "SET_BACKEND_REQ_FD with a descriptor that is no Unix stream socket",
        ["hands over a datagram socket for requests"] = "SET_BACKEND_REQ_FD with a descriptor that is no Unix stream socket",
        ["hands over a socket of another family for requests"] = "SET_BACKEND_REQ_FD with a descriptor that is no Unix stream socket",
        ["hands over two sockets for requests"] = "SET_BACKEND_REQ_FD with 2 descriptors; it has 1",
        ["is asked for translations on a socket that is closed"] =
            "negotiating: ring 0 waits for the IOMMU's translation, or is not in one piece behind it",
        ["sends a translation without BACKEND_REQ"] = "IOTLB_MSG without the protocol feature BACKEND_REQ",
        ["sends a translation before there is a socket to ask for it"] = "IOTLB_MSG before SET_BACKEND_REQ_FD",
        ["takes back a translation before there is a socket to ask for it"] = "IOTLB_MSG before SET_BACKEND_REQ_FD",
        ["sends a translation of type 0"] = "IOTLB_MSG of type 0, which no front-end sends",
        ["sends a miss"] = "IOTLB_MSG of type 1, which no front-end sends",
        ["sends a translation of type 255"] = "IOTLB_MSG of type 255, which no front-end sends",
        ["sends a translation of 0 bytes"] = "IOTLB_MSG of 0 bytes at 0x0: impossible",
        ["sends a translation that wraps around the device's addresses"] = "IOTLB_MSG of 8192 bytes at 0xfffffffffffff000: impossible",
        ["sends a translation that wraps around the front-end's addresses"] =
            "IOTLB_MSG for 0x0: 8192 bytes at front-end address 0xfffffffffffff000 are not the guest's memory",
        ["sends a translation of all addresses"] =
            "IOTLB_MSG for 0x0: 18446744073709551615 bytes at front-end address 0x550000100000 are not the guest's memory",
        ["sends a translation to outside the memory"] = "IOTLB_MSG for 0x0: 4096 bytes at front-end address 0xdead0000 are not the guest's memory",
        ["CVE-2018-1059: sends a translation beyond the end of a region"] =
            "IOTLB_MSG for 0x0: 8192 bytes at front-end address 0x5501000ff000 are not the guest's memory",
        ["sends half a translation"] = "IOTLB_MSG with 16 bytes of payload; it has 32",
        ["sends a translation with a descriptor"] = "IOTLB_MSG with 1 descriptors; it has 0",
        ["takes back all translations under its running rings"] =
            "negotiating: ring 0 waits for the IOMMU's translation, or is not in one piece behind it",
        ["takes the memory away under its translations"] = "negotiating: ring 0 waits for the IOMMU's translation, or is not in one piece behind it",
        ["asks for inflight memory without INFLIGHT_SHMFD"] = "GET_INFLIGHT_FD without the protocol feature INFLIGHT_SHMFD",
        ["brings inflight memory without INFLIGHT_SHMFD"] = "SET_INFLIGHT_FD without the protocol feature INFLIGHT_SHMFD",
        ["asks for inflight memory of 0 rings"] = "GET_INFLIGHT_FD for 0 rings: the device has 256",
        ["asks for inflight memory of 65535 rings"] = "GET_INFLIGHT_FD for 65535 rings: the device has 256",
        ["asks for inflight memory of rings without entries"] =
            "GET_INFLIGHT_FD for rings of 0 entries: a ring has 1 to 32768 entries, a power of two",
        ["asks for inflight memory of rings of 65535 entries"] =
            "GET_INFLIGHT_FD for rings of 65535 entries: a ring has 1 to 32768 entries, a power of two",
        ["asks for inflight memory with half a message"] = "GET_INFLIGHT_FD with 12 bytes of payload; it has 24",
        ["CVE-2022-0669: asks for inflight memory with eight descriptors"] = "GET_INFLIGHT_FD with 8 descriptors; it has 0",
        ["CVE-2022-0669: brings inflight memory with eight descriptors"] = "SET_INFLIGHT_FD with 8 descriptors; it has 1",
        ["CVE-2021-3839: brings inflight memory of 65535 rings"] = "SET_INFLIGHT_FD for 65535 rings: the device has 256",
        ["CVE-2021-3839: brings inflight memory of 0 rings"] = "SET_INFLIGHT_FD for 0 rings: the device has 256",
        ["CVE-2021-3839: brings inflight memory of more rings than fit into it"] =
            "SET_INFLIGHT_FD with 65536 bytes at file offset 0: 256 rings of 256 entries need 1064960",
        ["brings inflight memory of rings without entries"] =
            "SET_INFLIGHT_FD for rings of 0 entries: a ring has 1 to 32768 entries, a power of two",
        ["brings inflight memory of 0 bytes"] = "SET_INFLIGHT_FD with 0 bytes at file offset 0: 2 rings of 256 entries need 8320",
        ["brings inflight memory whose size and offset wrap"] =
            "SET_INFLIGHT_FD with 65536 bytes at file offset 18446744073709547520: 2 rings of 256 entries need 8320",
        ["brings inflight memory that begins within a word"] = "SET_INFLIGHT_FD at file offset 4, which is no multiple of 8",
        ["brings inflight memory that is longer than its file"] = "SET_INFLIGHT_FD up to byte 69632 of a file that has 65536",
        ["brings inflight memory that begins behind its file"] = "SET_INFLIGHT_FD up to byte 131072 of a file that has 65536",
        ["brings inflight memory that is no file"] = "SET_INFLIGHT_FD up to byte 65536 of a file that has 0",
        ["brings inflight memory without a file"] = "SET_INFLIGHT_FD with 0 descriptors; it has 1",
        ["truncates its inflight memory while rings run"] =
            "the front-end truncated its memory file",
        ["brings inflight memory of another version"] = "broken: ring 1: the inflight memory is of version 2 for 256 entries, the ring has 256",
        ["DPDK 5a4fbe79e6: brings inflight memory of a ring with more entries"] =
            "broken: ring 1: the inflight memory is of version 1 for 257 entries, the ring has 256",
        ["libvhost-user: brings inflight memory whose last batch begins behind the ring"] =
            "broken: ring 1: the inflight memory names entry 65535 of a ring of 256",
        ["brings inflight memory of another version for a packed ring"] =
            "broken: ring 1: the inflight memory is of version 2 for 256 entries, the ring has 256",
        ["brings inflight memory whose free entries begin behind a packed ring"] =
            "broken: ring 1: the inflight memory names an entry beyond a ring of 256",
        ["brings inflight memory whose free entries are a loop in a packed ring"] =
            "broken: ring 1: the inflight memory's list of free entries is a loop",
        ["brings inflight memory that stands behind a packed ring"] = "broken: ring 1: the inflight memory names an entry beyond a ring of 256",
    };
}
