using VhostSwitch.Virtio;

namespace VhostSwitch.Vhost;

/// <summary>What a device offers its front-end. The same for every connection of an endpoint, so that a guest finds again what it negotiated.</summary>
/// <param name="Features">The virtio features offered.</param>
/// <param name="ProtocolFeatures">The protocol features offered.</param>
/// <param name="MaxQueuePairs">The most queue pairs.</param>
public sealed record DeviceOptions(Features Features, ProtocolFeatures ProtocolFeatures, int MaxQueuePairs)
{
    /// <summary>The most queue pairs that any device has here, as in DPDK.</summary>
    public const int MostQueuePairs = 128;

    /// <summary>What a network device offers that every guest can use: no offloads, which need the whole path.</summary>
    public static readonly Features BasicFeatures =
        Features.Version1 | Features.AnyLayout | Features.IndirectDesc | Features.EventIdx | Features.RingPacked | Features.InOrder | Features.Mq | Features.Mtu | Features.GuestAnnounce
        | Features.ProtocolFeatures | Features.LogAll | Features.AccessPlatform | Features.CtrlVq | Features.CtrlRx | Features.GuestCsum;

    /// <summary>Checksums left unfinished by the guest: <c>--tx-csum 1</c>.</summary>
    public static readonly Features ChecksumFeatures = Features.Csum | Features.GuestCsum;

    /// <summary>Large segments: <c>--tso 1</c>.</summary>
    public static readonly Features SegmentationFeatures =
        Features.HostTso4 | Features.HostTso6 | Features.HostEcn | Features.GuestTso4 | Features.GuestTso6 | Features.GuestEcn;

    /// <summary>The protocol features that are built.</summary>
    public static readonly ProtocolFeatures BasicProtocolFeatures =
        ProtocolFeatures.Mq | ProtocolFeatures.LogShmfd | ProtocolFeatures.InflightShmfd | ProtocolFeatures.ReplyAck | ProtocolFeatures.NetMtu | ProtocolFeatures.BackendReq | ProtocolFeatures.Rarp | ProtocolFeatures.Status
        | ProtocolFeatures.ConfigureMemSlots | ProtocolFeatures.ResetDevice;

    /// <summary>The same where guests may arrive before their memory (postcopy), which excludes memory in slots (vhost-user, "Postcopy").</summary>
    public static readonly ProtocolFeatures PostcopyProtocolFeatures =
        (BasicProtocolFeatures & ~ProtocolFeatures.ConfigureMemSlots) | ProtocolFeatures.Pagefault;
}
