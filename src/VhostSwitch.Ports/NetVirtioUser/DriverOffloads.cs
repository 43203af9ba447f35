using VhostSwitch.Dataplane;
using VhostSwitch.Virtio;

namespace VhostSwitch.Ports.NetVirtioUser;

/// <summary>What negotiated features say about unfinished frames, from the driver's side (VIRTIO 1.2, 5.1.3.1).</summary>
internal static class DriverOffloads
{
    private static readonly (Features Feature, OffloadKinds Kind)[] FromDriver =
    [
        (Features.Csum, OffloadKinds.Checksum), (Features.HostTso4, OffloadKinds.Tso4), (Features.HostTso6, OffloadKinds.Tso6),
        (Features.HostEcn, OffloadKinds.Ecn),
    ];

    private static readonly (Features Feature, OffloadKinds Kind)[] FromBackEnd =
    [
        (Features.GuestCsum, OffloadKinds.Checksum), (Features.GuestTso4, OffloadKinds.Tso4), (Features.GuestTso6, OffloadKinds.Tso6),
        (Features.GuestEcn, OffloadKinds.Ecn),
    ];

    private static readonly (OffloadKinds Kind, string Name)[] Names =
    [
        (OffloadKinds.Checksum, "checksum"), (OffloadKinds.Tso4, "tcp4-segmentation"), (OffloadKinds.Tso6, "tcp6-segmentation"),
        (OffloadKinds.Ecn, "tcp-ecn-segmentation"),
    ];

    /// <summary>What may be left undone in frames for the back-end.</summary>
    /// <param name="features">The negotiated features.</param>
    internal static OffloadKinds OfDriver(Features features) => Kinds(features, FromDriver);

    /// <summary>What may be left undone in frames from the back-end.</summary>
    /// <param name="features">The negotiated features.</param>
    internal static OffloadKinds OfBackEnd(Features features) => Kinds(features, FromBackEnd);

    /// <summary>Some features without those whose condition is missing (5.1.3.1).</summary>
    /// <param name="features">The features.</param>
    internal static Features Consistent(Features features)
    {
        if ((features & Features.Csum) == 0) features &= ~(Features.HostTso4 | Features.HostTso6);
        if ((features & (Features.HostTso4 | Features.HostTso6)) == 0) features &= ~Features.HostEcn;
        // Without mergeable buffers, those of a driver that takes large segments would have to hold one whole.
        if ((features & Features.GuestCsum) == 0 || (features & Features.MrgRxbuf) == 0) features &= ~(Features.GuestTso4 | Features.GuestTso6);
        if ((features & (Features.GuestTso4 | Features.GuestTso6)) == 0) features &= ~Features.GuestEcn;
        return features;
    }

    /// <summary>The names of both directions, for people.</summary>
    /// <param name="features">The negotiated features.</param>
    internal static IReadOnlyList<string> Describe(Features features) =>
        [.. Describe("tx-", OfDriver(features)), .. Describe("rx-", OfBackEnd(features))];

    private static IEnumerable<string> Describe(string prefix, OffloadKinds kinds) =>
        Names.Where(n => (kinds & n.Kind) != 0).Select(n => prefix + n.Name);

    private static OffloadKinds Kinds(Features features, (Features Feature, OffloadKinds Kind)[] table) =>
        table.Where(t => (features & t.Feature) != 0).Aggregate(OffloadKinds.None, (kinds, t) => kinds | t.Kind);
}
