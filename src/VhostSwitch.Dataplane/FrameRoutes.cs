using System.Runtime.InteropServices;

namespace VhostSwitch.Dataplane;

/// <summary>One way that a frame leaves the switch by: a port, and what differs there from the frame as it came in.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct FrameRoute
{
    /// <summary>The port's id.</summary>
    public ushort Port;

    /// <summary>The frame's position in the burst. Set by <see cref="FrameRoutes"/>.</summary>
    public ushort Frame;

    /// <summary>How many tags are taken out of the frame, 0 to 2.</summary>
    public byte Popped;

    /// <summary>How many tags are put in at the same place, 0 to 2.</summary>
    public byte Pushed;

    /// <summary>The most bytes that are sent; 0 for all.</summary>
    public ushort SnapLength;

    /// <summary>The outer one of the tags that are put in, as <see cref="Packets.Ethernet.Tag"/> makes it.</summary>
    public uint Outer;

    /// <summary>The inner one.</summary>
    public uint Inner;

    /// <summary>The next route by the same port; -1 for none.</summary>
    internal int Next;

    /// <summary>True where the frame leaves as it came in.</summary>
    public readonly bool IsPlain => Popped == 0 && Pushed == 0 && SnapLength == 0;
}

/// <summary>
/// The routes of the <see cref="Frame.Routed"/> frames of a burst. The forwarder adds them frame by frame, in ascending order; the poll thread
/// delivers them port by port. Allocates nothing after it was made.
/// </summary>
public sealed unsafe class FrameRoutes : IDisposable
{
    /// <summary>The most routes of one frame: every port once, and as many copies beside them.</summary>
    public const int MostPerFrame = 2 * Topology.MaxPorts;

    // No memory before it is used: a megabyte only where frames of whole bursts leave by a thousand ports each.
    private readonly FrameRoute* _routes = (FrameRoute*)NativeMemory.Alloc((nuint)(Burst.MaxFrames * MostPerFrame), (nuint)sizeof(FrameRoute));

    // The first and the last route by each port that has any, and these ports in the order of their first frames.
    private readonly int[] _first = new int[Topology.MaxPorts];
    private readonly int[] _last = new int[Topology.MaxPorts];
    private readonly ushort[] _ports = new ushort[Topology.MaxPorts];
    private int _portCount;
    private ushort _frame;
    private int _begin;

    /// <summary>Makes room.</summary>
    public FrameRoutes() => Array.Fill(_first, -1);

    /// <summary>How many routes there are.</summary>
    public int Count { get; private set; }

    /// <summary>How many of them are those of the present frame.</summary>
    public int CountOfFrame => Count - _begin;

    /// <summary>Begins with a frame, which comes behind those before.</summary>
    /// <param name="frame">Its position in the burst.</param>
    public void Begin(int frame)
    {
        _frame = (ushort)frame;
        _begin = Count;
    }

    /// <summary>Adds a route of the present frame.</summary>
    /// <param name="route">The route.</param>
    /// <returns>False where the frame has <see cref="MostPerFrame"/> routes already.</returns>
    public bool TryAdd(in FrameRoute route)
    {
        if (CountOfFrame == MostPerFrame || route.Port >= Topology.MaxPorts) return false;
        var added = _routes + Count++;
        *added = route;
        added->Frame = _frame;
        added->Next = -1;
        return true;
    }

    /// <summary>A route of the present frame.</summary>
    /// <param name="i">Its number, from 0.</param>
    public FrameRoute OfFrame(int i) => _routes[_begin + i];

    /// <summary>Takes back the routes of the present frame.</summary>
    public void Discard() => Count = _begin;

    /// <summary>Takes back all routes.</summary>
    public void Clear()
    {
        for (int i = 0; i < _portCount; i++)
            _first[_ports[i]] = -1;
        _portCount = 0;
        Count = _begin = 0;
    }

    /// <inheritdoc/>
    public void Dispose() => NativeMemory.Free(_routes);

    /// <summary>The ports that there are routes by.</summary>
    internal ReadOnlySpan<ushort> Ports => _ports.AsSpan(0, _portCount);

    /// <summary>The first route by a port; -1 where there is none.</summary>
    internal int FirstBy(ushort port) => _first[port];

    /// <summary>A route.</summary>
    internal FrameRoute* At(int route) => _routes + route;

    /// <summary>Puts the routes in order by port, with those of frames that were decided on without one.</summary>
    internal void Complete(Burst burst, Topology topology)
    {
        int routed = Count, next = 0;
        for (int i = 0; i < burst.Count; i++)
        {
            ushort output = burst.Frames[i].Output;
            if (output == Dataplane.Frame.Routed)
            {
                for (; next < routed && _routes[next].Frame == i; next++)
                    Link(next);
                continue;
            }
            Begin(i);
            if (output == Dataplane.Frame.Flood)
            {
                foreach (var port in topology.Attached)
                {
                    if (port.Id != burst.Source) AddPlain(port.Id);
                }
            }
            else if (output < Dataplane.Frame.Dropped) AddPlain(output);
        }
    }

    private void AddPlain(ushort port)
    {
        if (TryAdd(new FrameRoute { Port = port })) Link(Count - 1);
    }

    private void Link(int route)
    {
        ushort port = _routes[route].Port;
        if (_first[port] >= 0) _routes[_last[port]].Next = route;
        else
        {
            _first[port] = route;
            _ports[_portCount++] = port;
        }
        _last[port] = route;
    }
}
