using VhostSwitch.Linux;
using VhostSwitch.Packets;
using VhostSwitch.Virtio;
using VhostSwitch.VirtioUser;

namespace VhostSwitch.Bench.Paths;

/// <summary>A guest that only sends, as much as the ring takes, or only receives; on a thread of its own. Its peer is behind an uplink.</summary>
internal sealed unsafe class LoneGuest : IDisposable
{
    /// <summary>Its address, and that of whom it exchanges frames with.</summary>
    public static readonly MacAddress Mac = MacAddress.Parse("02:00:00:01:00:00"), PeerMac = MacAddress.Parse("02:00:00:02:00:00");

    private const int ReceivedAtOnce = 32;

    // IEEE 802's local experimental type, as it loads.
    private const ushort Type = 0xB588;

    private readonly VirtioUserPort _port;
    private readonly Thread _thread;
    private readonly int _length;
    private readonly FramePart[] _parts;
    private volatile bool _stop;
    private ulong _sent, _received, _changed;

    /// <summary>Connects and begins.</summary>
    /// <param name="socket">The switch's socket.</param>
    /// <param name="settings">The case.</param>
    /// <param name="sends">Whether it sends; otherwise it only says once that it is there.</param>
    public LoneGuest(string socket, Settings settings, bool sends)
    {
        _length = settings.Frames.Single;
        _parts = new FramePart[Math.Max(settings.Burst, ReceivedAtOnce)];
        _port = new VirtioUserPort(new VirtioUserOptions { Path = socket, Mac = Mac, MemoryRegions = 2, Features = settings.Features });
        try
        {
            _port.Start();
        }
        catch
        {
            _port.Dispose();
            throw;
        }
        _thread = new Thread(() => Run(sends, settings.Burst)) { IsBackground = true, Name = "lone guest" };
        _thread.Start();
    }

    /// <summary>Frames given to the switch.</summary>
    public ulong Sent => Volatile.Read(ref _sent);

    /// <summary>Frames that came as they were to come.</summary>
    public ulong Received => Volatile.Read(ref _received);

    /// <summary>Frames for it with a wrong length or sender.</summary>
    public ulong Changed => Volatile.Read(ref _changed);

    /// <summary>Lets it do nothing any more.</summary>
    public void Stop()
    {
        _stop = true;
        _thread.Join();
    }

    public void Dispose()
    {
        Stop();
        _port.Dispose();
    }

    /// <summary>Writes addresses and type of a frame.</summary>
    public static void Write(Span<byte> frame, MacAddress to, MacAddress from)
    {
        BitConverter.TryWriteBytes(frame, to.Value | (from.Value << 48));
        BitConverter.TryWriteBytes(frame[sizeof(ulong)..], (from.Value >> 16) | ((ulong)Type << 32));
    }

    private void Run(bool sends, int burst)
    {
        CpuAffinity.Pin(Load.LoadCore);
        while (!_stop && Send(1, MacAddress.Broadcast) == 0)
        {
        }
        while (!_stop)
        {
            if (!sends) Receive();
            else Send(burst, PeerMac);
        }
    }

    // A burst or nothing: a few frames at a time would cost as much.
    private int Send(int burst, MacAddress to)
    {
        var parts = _parts.AsSpan(0, burst);
        int count = _port.Borrow(parts);
        if (count < burst)
        {
            _port.Return(parts[..count]);
            return 0;
        }
        for (int i = 0; i < count; i++)
        {
            Write(new Span<byte>(parts[i].Data, _length), to, Mac);
            parts[i].Length = _length;
        }
        Volatile.Write(ref _sent, _sent + (ulong)_port.Transmit(parts));
        return count;
    }

    private void Receive()
    {
        int count = _port.Receive(_parts.AsSpan(0, ReceivedAtOnce));
        if (count == 0) return;
        int right = 0;
        for (int i = 0; i < count; i++)
        {
            ref readonly var part = ref _parts[i];
            if (part.Length == _length && *(ulong*)part.Data == (Mac.Value | (PeerMac.Value << 48))) right++;
        }
        _port.Release(_parts.AsSpan(0, count));
        Volatile.Write(ref _received, _received + (ulong)right);
        Volatile.Write(ref _changed, _changed + (ulong)(count - right));
    }
}
