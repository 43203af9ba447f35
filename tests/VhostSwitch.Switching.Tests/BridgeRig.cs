using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using VhostSwitch.Dataplane;
using VhostSwitch.Packets;

namespace VhostSwitch.Switching.Tests;

/// <summary>
/// Bridges without poll threads: a frame goes in by a port, and what leaves is told as text, "2:10/5 4:" for a frame by port 2 with the tag of VLAN
/// 10 and priority 5, and one by port 4 without a tag. Outer tags of type 0x88a8 begin with "s"; a "+" is between two tags.
/// </summary>
internal sealed unsafe class BridgeRig : IDisposable
{
    public const string Broadcast = "ff:ff:ff:ff:ff:ff";
    public const string Sender = "02:00:00:00:00:0a";

    private const int PayloadLength = 46;

    private readonly List<MacTable> _tables = [];
    private readonly Burst _burst = new() { Routes = new FrameRoutes() };
    private readonly byte* _memory = (byte*)NativeMemory.AllocZeroed(4096);
    private BridgeForwarder? _forwarder;

    public MacTable Table => _tables[0];

    /// <summary>The reason of the last frame that went nowhere.</summary>
    public DropReason? Dropped { get; private set; }

    /// <summary>How the last frame was decided on.</summary>
    public ushort Output { get; private set; }

    /// <summary>The bytes of the frames that left last, in the order of the text.</summary>
    public List<byte[]> Frames { get; } = [];

    public BridgeRig Have(BridgeOptions[] bridges, int tagsRead = 1)
    {
        _forwarder ??= new BridgeForwarder(_tables[0]);
        _forwarder.Publish(new BridgeSet(bridges, isComplete: true, tagsRead), _tables);
        return this;
    }

    public BridgeRig Have(params BridgePortOptions[] ports) => Have([Bridge("br0", ports)]);

    /// <summary>A bridge with a table of its own.</summary>
    public BridgeOptions Bridge(string name, params BridgePortOptions[] ports)
    {
        _tables.Add(new MacTable());
        return new BridgeOptions(name, _tables[^1], ports);
    }

    /// <summary>The same bridge with what differs.</summary>
    public BridgeRig Again(BridgeOptions bridge) => Have([bridge with { Table = Table }]);

    /// <summary>A port of the name "pN" and the number N.</summary>
    public static BridgePortOptions Port(int id, VlanMode mode = VlanMode.Trunk, int tag = 0, int[]? vlans = null) => new($"p{id}", (ushort)id)
    {
        Mode = mode,
        Tag = (ushort)tag,
        Trunks = mode == VlanMode.Dot1qTunnel ? [] : vlans ?? [],
        CustomerVlans = mode == VlanMode.Dot1qTunnel ? vlans ?? [] : [],
    };

    /// <summary>Sends a frame in by a port.</summary>
    /// <param name="tags">As in what leaves.</param>
    /// <returns>What leaves, in the order of the ports' numbers, and by one port in order.</returns>
    public string Send(int port, string tags = "", string to = Broadcast, string from = Sender) => SendBytes(port, Frame(tags, to, from));

    public static byte[] Frame(string tags, string to = Broadcast, string from = Sender)
    {
        var bytes = new List<byte>();
        foreach (string address in (string[])[to, from])
            bytes.AddRange(Convert.FromHexString(address.Replace(":", "", StringComparison.Ordinal)));
        foreach (string tag in tags.Split('+', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] words = tag.TrimStart('s').Split('/');
            int control = int.Parse(words[0], CultureInfo.InvariantCulture) | (words.Length > 1 ? int.Parse(words[1], CultureInfo.InvariantCulture) << 13 : 0);
            bytes.AddRange(tag[0] == 's' ? [0x88, 0xa8] : [0x81, 0x00]);
            bytes.AddRange([(byte)(control >> 8), (byte)control]);
        }
        bytes.AddRange([0x88, 0xb5, .. Enumerable.Range(0, PayloadLength).Select(i => (byte)i)]);
        return [.. bytes];
    }

    public string SendBytes(int port, byte[] bytes)
    {
        bytes.CopyTo(new Span<byte>(_memory, bytes.Length));
        byte[] snapshot = [.. bytes.Take(16), .. new byte[Math.Max(0, 16 - bytes.Length)]];
        _burst.Count = 1;
        _burst.Frames[0] = new Frame
        {
            Snapshot = Vector128.Create<byte>(snapshot),
            Data = _memory,
            DataLength = (uint)bytes.Length,
            Length = (uint)bytes.Length,
            Output = Dataplane.Frame.Undecided,
        };
        _forwarder!.Decide(_burst, (ushort)port);
        Output = _burst.Frames[0].Output;
        Dropped = Output is >= Dataplane.Frame.Dropped and < Dataplane.Frame.Routed ? (DropReason)(byte)Output : null;
        Frames.Clear();
        string text = Text(bytes);
        _burst.Routes!.Clear();
        return text;
    }

    public void Forget(int port) => _forwarder!.Forget((ushort)port);

    public void Dispose()
    {
        _tables.ForEach(table => table.Dispose());
        _burst.Dispose();
        NativeMemory.Free(_memory);
    }

    private string Text(byte[] bytes)
    {
        if (Dropped is not null) return "";
        if (Output == Dataplane.Frame.Flood) return "all";
        if (Output < Dataplane.Frame.Dropped)
        {
            Frames.Add(bytes);
            return $"{Output}:{Tags(bytes)}";
        }
        var left = new List<(int Port, int Order, byte[] Bytes)>();
        for (int i = 0; i < _burst.Routes!.CountOfFrame; i++)
        {
            var route = _burst.Routes.OfFrame(i);
            var before = _burst.Frames[0];
            VlanTag.Replace(_burst, 0, route.Popped, route.Pushed, route.Outer, route.Inner);
            var copy = new byte[_burst.Frames[0].Length];
            fixed (byte* to = copy)
                FrameBytes.Copy(_burst, _burst.Frames, to);
            left.Add((route.Port, i, route.SnapLength == 0 ? copy : copy[..Math.Min(copy.Length, route.SnapLength)]));
            _burst.Frames[0] = before;
        }
        Frames.AddRange(left.OrderBy(way => way.Port).ThenBy(way => way.Order).Select(way => way.Bytes));
        return string.Join(' ', left.OrderBy(way => way.Port).ThenBy(way => way.Order).Select(way => $"{way.Port}:{Tags(way.Bytes)}"));
    }

    private static string Tags(byte[] bytes)
    {
        var tags = new List<string>();
        for (int at = 12; at + 4 <= bytes.Length && (bytes[at], bytes[at + 1]) is (0x81, 0x00) or (0x88, 0xa8); at += 4)
        {
            int control = (bytes[at + 2] << 8) | bytes[at + 3];
            string priority = control >> 13 == 0 ? "" : $"/{control >> 13}";
            tags.Add($"{(bytes[at] == 0x88 ? "s" : "")}{control & 0xfff}{((control & 0x1000) != 0 ? "d" : "")}{priority}");
        }
        return string.Join('+', tags);
    }
}
