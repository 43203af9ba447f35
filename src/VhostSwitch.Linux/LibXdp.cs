using System.Runtime.InteropServices;

namespace VhostSwitch.Linux;

/// <summary>
/// The calls into libxdp and libbpf, by their own names and with the closest types (libxdp 1.2 and later, libbpf 1.0 and later). They return
/// 0, a descriptor, or an error number made negative.
/// </summary>
internal static unsafe partial class LibXdp
{
    internal const string Xdp = "libxdp.so.1";
    internal const string Bpf = "libbpf.so.1";

    internal const uint XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD = 1;
    internal const int BPF_MAP_TYPE_XSKMAP = 17;
    internal const int BPF_PROG_TYPE_XDP = 6;
    internal const int BPF_XDP = 37;
    internal const int BPF_FUNC_redirect_map = 51;
    internal const int XDP_PASS = 2;
    internal const uint XDP_FLAGS_SKB_MODE = 2;
    internal const uint XDP_FLAGS_DRV_MODE = 4;

    /// <summary>Either of <c>xsk_ring_prod</c> and <c>xsk_ring_cons</c>, which have the same fields.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct xsk_ring
    {
        public uint cached_prod;
        public uint cached_cons;
        public uint mask;
        public uint size;
        public uint* producer;
        public uint* consumer;
        public void* ring;
        public uint* flags;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct xsk_umem_config
    {
        public uint fill_size;
        public uint comp_size;
        public uint frame_size;
        public uint frame_headroom;
        public uint flags;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct xsk_socket_config
    {
        public uint rx_size;
        public uint tx_size;
        public uint libxdp_flags;
        public uint xdp_flags;
        public ushort bind_flags;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct bpf_insn
    {
        public byte code;
        public byte registers;
        public short off;
        public int imm;
    }

    /// <summary>The first fields of the structure, whose length the library is told.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct bpf_link_create_opts
    {
        public nuint sz;
        public uint flags;
        public uint padding;
    }

    [LibraryImport(Xdp)] internal static partial int xsk_umem__create(nint* umem, void* area, ulong size, xsk_ring* fill, xsk_ring* comp,
        xsk_umem_config* config);
    [LibraryImport(Xdp)] internal static partial int xsk_umem__delete(nint umem);
    [LibraryImport(Xdp, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int xsk_socket__create_shared(
        nint* xsk, string ifname, uint queue_id, nint umem, xsk_ring* rx, xsk_ring* tx, xsk_ring* fill, xsk_ring* comp, xsk_socket_config* config);
    [LibraryImport(Xdp)] internal static partial void xsk_socket__delete(nint xsk);
    [LibraryImport(Xdp)] internal static partial int xsk_socket__fd(nint xsk);
    [LibraryImport(Xdp)] internal static partial nint libxdp_set_print(nint print);
    [LibraryImport(Bpf)] internal static partial nint libbpf_set_print(nint print);
    [LibraryImport(Bpf, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int bpf_map_create(int type, string name, uint key_size, uint value_size, uint max_entries, void* opts);
    [LibraryImport(Bpf)] internal static partial int bpf_map_update_elem(int fd, void* key, void* value, ulong flags);
    [LibraryImport(Bpf, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int bpf_prog_load(int type, string name, string license, bpf_insn* insns, nuint count, void* opts);
    [LibraryImport(Bpf)] internal static partial int bpf_link_create(int prog_fd, int target_fd, int attach_type, bpf_link_create_opts* opts);
    [LibraryImport(Bpf)] internal static partial int bpf_xdp_query_id(int ifindex, int flags, uint* prog_id);
    [LibraryImport(Bpf)] internal static partial int bpf_obj_get_info_by_fd(int fd, void* info, uint* length);
}
