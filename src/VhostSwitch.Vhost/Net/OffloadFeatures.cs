using VhostSwitch.Dataplane;
using VhostSwitch.Virtio;

namespace VhostSwitch.Vhost.Net;

/// <summary>What the features of a device say about unfinished frames (VIRTIO 1.2, 5.1.3.1).</summary>
internal static class OffloadFeatures
{
    /// <summary>What the guest may leave undone in the frames it sends.</summary>
    /// <param name="features">The negotiated features.</param>
    internal static OffloadKinds OfSender(Features features) =>
        Kind(features, Features.Csum, OffloadKinds.Checksum) | Kind(features, Features.HostTso4, OffloadKinds.Tso4)
        | Kind(features, Features.HostTso6, OffloadKinds.Tso6) | Kind(features, Features.HostUfo, OffloadKinds.Ufo);

    /// <summary>What may be left undone in the frames the guest receives.</summary>
    /// <param name="features">The negotiated features.</param>
    internal static OffloadKinds OfReceiver(Features features) =>
        Kind(features, Features.GuestCsum, OffloadKinds.Checksum) | Kind(features, Features.GuestTso4, OffloadKinds.Tso4)
        | Kind(features, Features.GuestTso6, OffloadKinds.Tso6) | Kind(features, Features.GuestEcn, OffloadKinds.Ecn)
        | Kind(features, Features.GuestUfo, OffloadKinds.Ufo);

    private static OffloadKinds Kind(Features features, Features feature, OffloadKinds kind) => (features & feature) != 0 ? kind : OffloadKinds.None;
}
