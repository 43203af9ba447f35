namespace VhostSwitch.Vhost.User;

/// <summary>How long to wait before the next try to connect: a moment at first, so that a peer that was restarted is back at once, then longer.</summary>
internal sealed class BackOff
{
    /// <summary>Before the first try, and the first after success.</summary>
    internal static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(100);

    /// <summary>The second that DPDK and Open vSwitch wait: what their users know.</summary>
    internal static readonly TimeSpan Longest = TimeSpan.FromSeconds(1);

    private TimeSpan _next = Shortest;

    /// <summary>How long to wait now; twice as long the next time.</summary>
    internal TimeSpan Next()
    {
        var delay = _next;
        _next = delay * 2 < Longest ? delay * 2 : Longest;
        return delay;
    }

    /// <summary>Begins anew: a connection was one indeed.</summary>
    internal void Reset() => _next = Shortest;
}
