namespace VhostSwitch.Linux;

/// <summary>
/// File systems that ask another machine or another process for a page that is not there. A poll thread that touches such a page waits
/// for as long as the other side likes.
/// </summary>
internal static class RemoteFileSystem
{
    // linux/magic.h
    internal const uint FUSE_SUPER_MAGIC = 0x65735546;
    internal const uint NFS_SUPER_MAGIC = 0x6969;
    internal const uint V9FS_MAGIC = 0x01021997;
    internal const uint SMB_SUPER_MAGIC = 0x517b;
    internal const uint CIFS_SUPER_MAGIC = 0xff534d42;
    internal const uint SMB2_SUPER_MAGIC = 0xfe534d42;
    internal const uint CEPH_SUPER_MAGIC = 0x00c36400;
    internal const uint AFS_SUPER_MAGIC = 0x5346414f;
    internal const uint AFS_FS_MAGIC = 0x6b414653;
    internal const uint CODA_SUPER_MAGIC = 0x73757245;
    internal const uint NCP_SUPER_MAGIC = 0x564c;
    internal const uint OCFS2_SUPER_MAGIC = 0x7461636f;

    // These have no header that programs may include: fs/gfs2, Lustre, and VirtualBox's shared folders.
    internal const uint GFS2_MAGIC = 0x01161970;
    internal const uint LUSTRE_SUPER_MAGIC = 0x0bd00bd0;
    internal const uint VBOXSF_SUPER_MAGIC = 0x786f4256;

    /// <summary>The name of a file system that may let an access wait for ever; null for every other one.</summary>
    /// <param name="type">What <c>statfs</c> calls <c>f_type</c>.</param>
    internal static string? NameOf(nint type) => (uint)type switch
    {
        FUSE_SUPER_MAGIC => "FUSE",
        NFS_SUPER_MAGIC => "NFS",
        V9FS_MAGIC => "9p",
        SMB_SUPER_MAGIC or CIFS_SUPER_MAGIC or SMB2_SUPER_MAGIC => "SMB",
        CEPH_SUPER_MAGIC => "Ceph",
        AFS_SUPER_MAGIC or AFS_FS_MAGIC => "AFS",
        CODA_SUPER_MAGIC => "Coda",
        NCP_SUPER_MAGIC => "NCP",
        OCFS2_SUPER_MAGIC => "OCFS2",
        GFS2_MAGIC => "GFS2",
        LUSTRE_SUPER_MAGIC => "Lustre",
        VBOXSF_SUPER_MAGIC => "a VirtualBox shared folder",
        _ => null,
    };
}
