using VhostSwitch.Virtio;

namespace VhostSwitch.Bench.Paths;

/// <summary>A case: what the guests negotiate and send.</summary>
/// <param name="Frames">The frames' lengths.</param>
/// <param name="Mergeable">Mergeable receive buffers.</param>
/// <param name="Packed">Packed rings.</param>
/// <param name="InOrder">Buffers used in order.</param>
/// <param name="WarmUpSeconds">How long frames flow before they count.</param>
/// <param name="Seconds">How long they count.</param>
internal sealed record Settings(FrameMix Frames, bool Mergeable, bool Packed, bool InOrder, double WarmUpSeconds, double Seconds)
{
    /// <summary>What a window is where the case does not say.</summary>
    public const int UsualWindow = 128;

    /// <summary>Frames under way each way, of lean guests.</summary>
    public int Window { get; init; } = UsualWindow;

    /// <summary>What a burst is where the case does not say.</summary>
    public const int UsualBurst = 32;

    /// <summary>Frames that a lean guest sends at once.</summary>
    public int Burst { get; init; } = UsualBurst;

    /// <summary>Addresses of each lean guest; frames take them in turn.</summary>
    public int Addresses { get; init; } = 1;

    /// <summary>Ports of the switch, those that are attached and idle included; null for as many as the contender has usually.</summary>
    public int? Ports { get; init; }

    /// <summary>What guests exchange frames with in place of each other; null for nothing.</summary>
    public Uplink? Uplink { get; init; }

    /// <summary>This switch polls without end, as its peers do.</summary>
    public bool PollsBusy { get; init; }

    /// <summary>Only the first lean guest sends.</summary>
    public bool OneWay { get; init; }

    /// <summary>The kind of ring, in words.</summary>
    public string Ring => $"{(Packed ? "packed" : "split")} ring{(InOrder ? " in order" : "")}";

    /// <summary>What the guests take beside the usual.</summary>
    public Features Features =>
        Features.Version1 | (Mergeable ? Features.MrgRxbuf : 0) | (Packed ? Features.RingPacked : 0) | (InOrder ? Features.InOrder : 0)
        | (Frames.Segments ? Features.Csum | Features.GuestCsum | Features.HostTso4 | Features.GuestTso4 : 0);

    /// <summary>What is appended to the names of a report's files, so that reports of other cases stay.</summary>
    public string FileSuffix =>
        (Packed ? "-packed" : "") + (InOrder ? "-in-order" : "") + (Mergeable ? "-mergeable" : "") + (Addresses > 1 ? $"-{Addresses}-addresses" : "")
        + (Ports is { } ports ? $"-{ports}-ports" : "") + (OneWay ? "-one-way" : "") + (PollsBusy ? "-poll-busy" : "") + (Window != UsualWindow ? $"-window-{Window}" : "")
        + (Burst != UsualBurst ? $"-burst-{Burst}" : "");

    /// <summary>The name of this case under a load, for findings.</summary>
    public string Name(string load, FrameMix frames) => $"{load}, {frames.Name}, {Ring}{Unusual}";

    /// <summary>What differs from the usual case, in words; each with a comma before it.</summary>
    public string Unusual =>
        (Mergeable ? ", mergeable buffers" : "") + (Addresses > 1 ? $", {Addresses:N0} addresses a guest" : "")
        + (Ports is { } ports ? $", {ports} ports" : "") + (OneWay ? ", one way" : "") + (PollsBusy ? ", this switch with --poll busy" : "") + (Window != UsualWindow ? $", window {Window}" : "")
        + (Burst != UsualBurst ? $", bursts of {Burst}" : "");
}
