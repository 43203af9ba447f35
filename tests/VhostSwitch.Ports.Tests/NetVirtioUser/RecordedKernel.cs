using System.Text;
using VhostSwitch.Linux;

namespace VhostSwitch.Ports.Tests.NetVirtioUser;

/// <summary>
/// A kernel with vhost-net and TAP interfaces that writes down what it is asked: the requests' numbers are those of the kernel's headers
/// (computed with its C compiler), and their arguments are told as the structures have them.
/// </summary>
internal sealed class RecordedKernel : IDeviceControl
{
    private const uint TapFeatures = 0x7c12 | 0x100 | 0x4000;

    private static readonly Dictionary<nuint, string> Names = new()
    {
        [0x8008af00] = "VHOST_GET_FEATURES", [0x4008af00] = "VHOST_SET_FEATURES", [0xaf01] = "VHOST_SET_OWNER", [0x4008af03] = "VHOST_SET_MEM_TABLE",
        [0x4008af10] = "VHOST_SET_VRING_NUM", [0x4028af11] = "VHOST_SET_VRING_ADDR", [0x4008af12] = "VHOST_SET_VRING_BASE",
        [0x4008af20] = "VHOST_SET_VRING_KICK", [0x4008af21] = "VHOST_SET_VRING_CALL", [0x4008af30] = "VHOST_NET_SET_BACKEND",
        [0x400454ca] = "TUNSETIFF", [0x800454cf] = "TUNGETFEATURES", [0x400454d0] = "TUNSETOFFLOAD", [0x800454d2] = "TUNGETIFF",
        [0x400454d4] = "TUNSETSNDBUF", [0x400454d8] = "TUNSETVNETHDRSZ", [0x8924] = "SIOCSIFHWADDR",
    };

    private readonly Dictionary<int, string> _files = [];
    private int _devices;
    private int _taps;

    /// <summary>What was asked, in order.</summary>
    public List<string> Log { get; } = [];

    /// <summary>What the vhost device offers; as Linux 6.1.</summary>
    public ulong Offered { get; init; } = 0x3_3d00_8000;

    /// <summary>What TAP interfaces can do.</summary>
    public uint TapAbilities { get; init; } = TapFeatures;

    /// <summary>The request that fails, and how.</summary>
    public (string Request, int Errno) Failure { get; set; }

    /// <summary>The interface; null once it was deleted.</summary>
    public string? Interface { get; set; }

    /// <summary>Gives a file that is not the kernel's a name in the log.</summary>
    public void Name(FileDescriptor file, string name) => _files[file.Number] = name;

    public FileDescriptor Open(string path, bool nonBlocking)
    {
        if (Failure.Request == path) throw new LinuxException($"open {path}", Failure.Errno);
        var file = EventFd.Create();
        string name = path == "/dev/net/tun" ? "tun" : $"vhost{_devices++}";
        _files[file.Number] = name;
        Log.Add($"open {path}{(nonBlocking ? " nonblocking" : "")}");
        return file;
    }

    public int Control(FileDescriptor device, nuint request, nint argument = 0) => Answer(device, request, $"{argument:x}");

    public int Control(FileDescriptor device, nuint request, Span<byte> argument)
    {
        string name = Names[request];
        if (name == "TUNSETIFF")
        {
            string wanted = Text(argument);
            Interface = wanted.Length == 0 ? "tap3" : wanted;
            if (_files[device.Number] == "tun") _files[device.Number] = $"tap.{_taps++}";
        }
        int answer = Answer(device, request, name switch
        {
            "VHOST_GET_FEATURES" or "TUNGETFEATURES" or "TUNGETIFF" => "",
            "VHOST_SET_FEATURES" => $"0x{BitConverter.ToUInt64(argument):x}",
            "VHOST_SET_MEM_TABLE" => Table(argument),
            "VHOST_SET_VRING_NUM" or "VHOST_SET_VRING_BASE" => $"{U32(argument, 0)}={U32(argument, 4)}",
            "VHOST_SET_VRING_ADDR" => $"{U32(argument, 0)} flags {U32(argument, 4)} log {BitConverter.ToUInt64(argument[32..])}",
            "VHOST_SET_VRING_KICK" or "VHOST_SET_VRING_CALL" or "VHOST_NET_SET_BACKEND" => $"{U32(argument, 0)} {File((int)U32(argument, 4))}",
            "TUNSETIFF" => $"'{Text(argument)}' 0x{BitConverter.ToUInt16(argument[16..]):x}",
            "TUNSETVNETHDRSZ" or "TUNSETSNDBUF" => $"{U32(argument, 0)}",
            "SIOCSIFHWADDR" => $"family {BitConverter.ToUInt16(argument[16..])} {Convert.ToHexStringLower(argument[18..24])}",
            _ => throw new NotSupportedException(name),
        });
        if (answer != 0) return answer;
        switch (name)
        {
            case "VHOST_GET_FEATURES":
                BitConverter.TryWriteBytes(argument, Offered);
                break;
            case "TUNGETFEATURES":
                BitConverter.TryWriteBytes(argument, TapAbilities);
                break;
            case "TUNGETIFF" when Interface is null:
                return Errno.EBADFD;
            case "TUNGETIFF":
                argument.Clear();
                Encoding.ASCII.GetBytes(Interface, argument);
                break;
        }
        return 0;
    }

    private static uint U32(Span<byte> bytes, int at) => BitConverter.ToUInt32(bytes[at..]);

    private static string Text(Span<byte> request) => Encoding.ASCII.GetString(request[..request[..16].IndexOf((byte)0)]);

    // Regions of this process's own addresses, each with a word of flags that is 0.
    private static string Table(Span<byte> table)
    {
        Assert.Equal(0u, U32(table, 4));
        Assert.Equal(8 + (32 * (int)U32(table, 0)), table.Length);
        Assert.Equal(BitConverter.ToUInt64(table[8..]), BitConverter.ToUInt64(table[24..]));
        Assert.Equal(0ul, BitConverter.ToUInt64(table[32..]));
        return $"{U32(table, 0)}";
    }

    private string File(int number) => number < 0 ? $"{number}" : _files[number];

    private int Answer(FileDescriptor device, nuint request, string argument)
    {
        string name = Names[request];
        Log.Add($"{_files[device.Number]} {name} {argument}".TrimEnd());
        return Failure.Request == name ? Failure.Errno : 0;
    }
}
