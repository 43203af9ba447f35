namespace VhostSwitch.Testpmd.Forwarding;

/// <summary>By which port frames leave: <c>--port-topology</c>.</summary>
internal enum PortTopology
{
    /// <summary>The first and the second by each other, the third and the fourth, and so on; a last one without another by itself.</summary>
    Paired,

    /// <summary>By the next port, those of the last one by the first.</summary>
    Chained,

    /// <summary>By the port they came from.</summary>
    Loop,
}

/// <summary>Applies a <see cref="PortTopology"/>.</summary>
internal static class PortTopologies
{
    /// <summary>By which port the frames of another one leave.</summary>
    /// <param name="topology">The topology.</param>
    /// <param name="place">The other one's place among those that forward.</param>
    /// <param name="count">How many forward.</param>
    /// <returns>A place among them.</returns>
    public static int Output(this PortTopology topology, int place, int count) => topology switch
    {
        PortTopology.Chained => (place + 1) % count,
        PortTopology.Loop => place,
        _ => (place ^ 1) < count ? place ^ 1 : place,
    };
}
