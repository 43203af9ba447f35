namespace VhostSwitch.Virtio;

/// <summary>Feature bits of a virtio network device (VIRTIO 1.2, 5.1.3 and 6), with the two bits that only vhost knows.</summary>
[Flags]
public enum Features : ulong
{
    /// <summary>No feature.</summary>
    None = 0,

    /// <summary>The device takes frames whose checksum the driver left unfinished.</summary>
    Csum = 1UL << 0,

    /// <summary>The driver takes frames whose checksum the device left unfinished.</summary>
    GuestCsum = 1UL << 1,

    /// <summary>The offloads of the receive direction can be changed while the device runs.</summary>
    CtrlGuestOffloads = 1UL << 2,

    /// <summary>The device tells the largest MTU.</summary>
    Mtu = 1UL << 3,

    /// <summary>The device has a MAC address. Known to the front-end alone.</summary>
    Mac = 1UL << 5,

    /// <summary>Legacy name for both kinds of TSO.</summary>
    Gso = 1UL << 6,

    /// <summary>The driver takes large TCP segments over IPv4.</summary>
    GuestTso4 = 1UL << 7,

    /// <summary>The driver takes large TCP segments over IPv6.</summary>
    GuestTso6 = 1UL << 8,

    /// <summary>The driver takes large TCP segments with explicit congestion notification.</summary>
    GuestEcn = 1UL << 9,

    /// <summary>The driver takes large UDP datagrams to be fragmented.</summary>
    GuestUfo = 1UL << 10,

    /// <summary>The device takes large TCP segments over IPv4.</summary>
    HostTso4 = 1UL << 11,

    /// <summary>The device takes large TCP segments over IPv6.</summary>
    HostTso6 = 1UL << 12,

    /// <summary>The device takes large TCP segments with explicit congestion notification.</summary>
    HostEcn = 1UL << 13,

    /// <summary>The device takes large UDP datagrams to be fragmented.</summary>
    HostUfo = 1UL << 14,

    /// <summary>One received frame may span several buffers.</summary>
    MrgRxbuf = 1UL << 15,

    /// <summary>The link state is in the configuration space. Known to the front-end alone.</summary>
    Status = 1UL << 16,

    /// <summary>There is a control queue. Known to the front-end alone.</summary>
    CtrlVq = 1UL << 17,

    /// <summary>The control queue sets receive modes.</summary>
    CtrlRx = 1UL << 18,

    /// <summary>The driver announces itself after a migration.</summary>
    GuestAnnounce = 1UL << 21,

    /// <summary>Several queue pairs.</summary>
    Mq = 1UL << 22,

    /// <summary>Legacy: interrupt when the available ring runs empty even if suppressed.</summary>
    NotifyOnEmpty = 1UL << 24,

    /// <summary>Vhost only: log every write to guest memory.</summary>
    LogAll = 1UL << 26,

    /// <summary>Legacy: no rule about which descriptor holds the header. Always so with <see cref="Version1"/>.</summary>
    AnyLayout = 1UL << 27,

    /// <summary>Descriptors may point to tables of descriptors.</summary>
    IndirectDesc = 1UL << 28,

    /// <summary>Notifications are suppressed by index instead of by a flag.</summary>
    EventIdx = 1UL << 29,

    /// <summary>Vhost-user only: the two sides negotiate protocol features.</summary>
    ProtocolFeatures = 1UL << 30,

    /// <summary>Not a legacy device.</summary>
    Version1 = 1UL << 32,

    /// <summary>Addresses go through an IOMMU.</summary>
    AccessPlatform = 1UL << 33,

    /// <summary>Packed rings instead of split ones.</summary>
    RingPacked = 1UL << 34,

    /// <summary>Buffers are used in the order they were made available.</summary>
    InOrder = 1UL << 35,

    /// <summary>The header of received frames carries a hash.</summary>
    HashReport = 1UL << 57,
}

/// <summary>How feature bits are shown to people.</summary>
public static class FeatureNames
{
    private static readonly (Features Bit, string Name)[] Known =
    [
        (Features.Csum, "CSUM"), (Features.GuestCsum, "GUEST_CSUM"), (Features.CtrlGuestOffloads, "CTRL_GUEST_OFFLOADS"), (Features.Mtu, "MTU"),
        (Features.Mac, "MAC"), (Features.Gso, "GSO"), (Features.GuestTso4, "GUEST_TSO4"), (Features.GuestTso6, "GUEST_TSO6"),
        (Features.GuestEcn, "GUEST_ECN"), (Features.GuestUfo, "GUEST_UFO"), (Features.HostTso4, "HOST_TSO4"), (Features.HostTso6, "HOST_TSO6"),
        (Features.HostEcn, "HOST_ECN"), (Features.HostUfo, "HOST_UFO"), (Features.MrgRxbuf, "MRG_RXBUF"), (Features.Status, "STATUS"),
        (Features.CtrlVq, "CTRL_VQ"), (Features.CtrlRx, "CTRL_RX"), (Features.GuestAnnounce, "GUEST_ANNOUNCE"), (Features.Mq, "MQ"),
        (Features.NotifyOnEmpty, "NOTIFY_ON_EMPTY"), (Features.LogAll, "LOG_ALL"), (Features.AnyLayout, "ANY_LAYOUT"),
        (Features.IndirectDesc, "INDIRECT_DESC"), (Features.EventIdx, "EVENT_IDX"), (Features.ProtocolFeatures, "PROTOCOL_FEATURES"),
        (Features.Version1, "VERSION_1"), (Features.AccessPlatform, "ACCESS_PLATFORM"), (Features.RingPacked, "RING_PACKED"),
        (Features.InOrder, "IN_ORDER"), (Features.HashReport, "HASH_REPORT"),
    ];

    /// <summary>The specification's names of the bits that are set, lowest bit first; a bit without a name here is <c>BIT_n</c>.</summary>
    /// <param name="features">The bits.</param>
    public static IReadOnlyList<string> Of(Features features)
    {
        var names = new List<string>();
        for (int bit = 0; bit < 64; bit++)
        {
            var one = (Features)(1UL << bit);
            if ((features & one) == 0) continue;
            names.Add(Array.Find(Known, k => k.Bit == one).Name ?? $"BIT_{bit}");
        }
        return names;
    }
}
