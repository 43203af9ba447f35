namespace VhostSwitch.Vhost;

/// <summary>Protocol feature bits of vhost-user, by the specification's names.</summary>
[Flags]
public enum ProtocolFeatures : ulong
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>Several queues: GET_QUEUE_NUM.</summary>
    Mq = 1UL << 0,

    /// <summary>The dirty log comes as a memory file.</summary>
    LogShmfd = 1UL << 1,

    /// <summary>SEND_RARP after a migration.</summary>
    Rarp = 1UL << 2,

    /// <summary>Every message may ask for an answer.</summary>
    ReplyAck = 1UL << 3,

    /// <summary>NET_SET_MTU.</summary>
    NetMtu = 1UL << 4,

    /// <summary>A second channel for requests of the back-end.</summary>
    BackendReq = 1UL << 5,

    /// <summary>Memory arrives after the guest: postcopy migration.</summary>
    Pagefault = 1UL << 8,

    /// <summary>What was taken and not given back is noted in memory that outlives the back-end.</summary>
    InflightShmfd = 1UL << 12,

    /// <summary>RESET_DEVICE.</summary>
    ResetDevice = 1UL << 13,

    /// <summary>Memory is given region by region.</summary>
    ConfigureMemSlots = 1UL << 15,

    /// <summary>SET_STATUS and GET_STATUS.</summary>
    Status = 1UL << 16,
}

/// <summary>How protocol features are shown to people.</summary>
public static class ProtocolFeatureNames
{
    private static readonly (ProtocolFeatures Bit, string Name)[] Known =
    [
        (ProtocolFeatures.Mq, "MQ"), (ProtocolFeatures.Rarp, "RARP"), (ProtocolFeatures.ReplyAck, "REPLY_ACK"),
        (ProtocolFeatures.NetMtu, "NET_MTU"), (ProtocolFeatures.BackendReq, "BACKEND_REQ"), (ProtocolFeatures.ResetDevice, "RESET_DEVICE"),
        (ProtocolFeatures.LogShmfd, "LOG_SHMFD"), (ProtocolFeatures.Pagefault, "PAGEFAULT"), (ProtocolFeatures.InflightShmfd, "INFLIGHT_SHMFD"),
        (ProtocolFeatures.ConfigureMemSlots, "CONFIGURE_MEM_SLOTS"), (ProtocolFeatures.Status, "STATUS"),
    ];

    /// <summary>The specification's names of the bits that are set.</summary>
    /// <param name="features">The bits.</param>
    public static IReadOnlyList<string> Of(ProtocolFeatures features) => [.. Known.Where(k => (features & k.Bit) != 0).Select(k => k.Name)];
}
