namespace VhostSwitch.Linux;

/// <summary>
/// A program in the kernel that gives an interface's frames to the AF_XDP sockets at its queues, and to the kernel where a queue has none.
/// It is attached as long as this object, or the process, lives.
/// </summary>
/// <remarks>
/// libxdp has a program for this too, which stays attached when its process is killed and counts its users wrongly from then on. One that is
/// attached by a BPF link (Linux 5.9) goes with the link's descriptor, and nobody can replace it by mistake.
/// </remarks>
public sealed unsafe class XdpProgram : IDisposable
{
    // offsetof(struct xdp_md, rx_queue_index)
    internal const short QueueOfFrame = 16;

    private readonly FileDescriptor _map;
    private readonly FileDescriptor _program;
    private FileDescriptor? _link;

    /// <summary>Loads the program; it is not attached yet.</summary>
    /// <param name="queues">The interface's queues that may have a socket are below this.</param>
    /// <exception cref="LinuxException">The right to it is missing, or the kernel has no AF_XDP.</exception>
    public XdpProgram(int queues)
    {
        _map = Made(LibXdp.bpf_map_create(LibXdp.BPF_MAP_TYPE_XSKMAP, "vhost_switch_xsk", sizeof(uint), sizeof(uint), (uint)queues, null),
            "making the map of AF_XDP sockets");
        try
        {
            _program = Load(_map.Number);
            Id = IdOf(_program.Number);
        }
        catch
        {
            _map.Dispose();
            _program?.Dispose();
            throw;
        }
    }

    /// <summary>The number that the kernel knows the program by.</summary>
    public uint Id { get; }

    /// <summary>The program that is attached to an interface.</summary>
    /// <param name="interfaceIndex">The interface's number.</param>
    /// <returns>Its number; 0 where there is none, or no such interface.</returns>
    public static uint AttachedTo(int interfaceIndex)
    {
        uint id;
        return LibXdp.bpf_xdp_query_id(interfaceIndex, 0, &id) == 0 ? id : 0;
    }

    /// <summary>Attaches the program.</summary>
    /// <param name="interfaceIndex">The interface's number.</param>
    /// <param name="native">True to have the interface's driver run it, false for the kernel's generic way, which every interface has.</param>
    /// <exception cref="LinuxException">
    /// Refused: the driver cannot do it (<see cref="Errno.EOPNOTSUPP"/> and others), the interface has a program already
    /// (<see cref="Errno.EBUSY"/>, <see cref="Errno.EEXIST"/>), the right to it is missing.
    /// </exception>
    public void Attach(int interfaceIndex, bool native)
    {
        LibXdp.bpf_link_create_opts options = new()
        {
            sz = (nuint)sizeof(LibXdp.bpf_link_create_opts),
            flags = native ? LibXdp.XDP_FLAGS_DRV_MODE : LibXdp.XDP_FLAGS_SKB_MODE,
        };
        _link = Made(LibXdp.bpf_link_create(_program.Number, interfaceIndex, LibXdp.BPF_XDP, &options),
            $"attaching an XDP program ({(native ? "native" : "generic")})");
    }

    /// <summary>Gives the frames of a queue to a socket.</summary>
    /// <param name="queue">The interface's queue.</param>
    /// <param name="socket">The descriptor of an AF_XDP socket that is bound to it.</param>
    /// <exception cref="LinuxException">The socket is bound to another interface or queue.</exception>
    public void Direct(int queue, int socket)
    {
        int result = LibXdp.bpf_map_update_elem(_map.Number, &queue, &socket, 0);
        if (result < 0) throw new LinuxException($"directing the frames of queue {queue} to its AF_XDP socket", -result);
    }

    /// <summary>Detaches the program and unloads it.</summary>
    public void Dispose()
    {
        _link?.Dispose();
        _program.Dispose();
        _map.Dispose();
    }

    // return bpf_redirect_map(&sockets, context->rx_queue_index, XDP_PASS), as the manual page of BPF's helpers has it.
    private static FileDescriptor Load(int map)
    {
        const byte LoadWord = 0x61, LoadMap = 0x18, Move = 0xb7, Call = 0x85, Exit = 0x95, IsMapDescriptor = 1;
        LibXdp.bpf_insn* code = stackalloc LibXdp.bpf_insn[]
        {
            new() { code = LoadWord, registers = Registers(2, 1), off = QueueOfFrame },
            new() { code = LoadMap, registers = Registers(1, IsMapDescriptor), imm = map },
            new(),
            new() { code = Move, registers = Registers(3, 0), imm = LibXdp.XDP_PASS },
            new() { code = Call, imm = LibXdp.BPF_FUNC_redirect_map },
            new() { code = Exit },
        };
        return Made(LibXdp.bpf_prog_load(LibXdp.BPF_PROG_TYPE_XDP, "vhost_switch", "Apache-2.0", code, 6, null), "loading an XDP program");

        static byte Registers(byte destination, byte source) => (byte)(destination | source << 4);
    }

    // struct bpf_prog_info begins with type and id.
    private static uint IdOf(int program)
    {
        uint* info = stackalloc uint[2];
        uint length = 2 * sizeof(uint);
        int result = LibXdp.bpf_obj_get_info_by_fd(program, info, &length);
        return result == 0 ? info[1] : throw new LinuxException("asking for the number of an XDP program", -result);
    }

    private static FileDescriptor Made(int result, string what) => result >= 0 ? new FileDescriptor(result) : throw new LinuxException(what, -result);
}
