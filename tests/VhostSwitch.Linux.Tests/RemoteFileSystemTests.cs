using VhostSwitch.TestKit.Host;

namespace VhostSwitch.Linux.Tests;

/// <summary>A peer's file is refused where an access to it may wait for another machine or another process.</summary>
public sealed class RemoteFileSystemTests
{
    [Fact]
    public void TheNumbersAreThoseOfTheKernelsHeader() =>
        Assert.Equal("", new CLayout("linux/magic.h")
            .Constant(RemoteFileSystem.FUSE_SUPER_MAGIC, "FUSE_SUPER_MAGIC").Constant(RemoteFileSystem.NFS_SUPER_MAGIC, "NFS_SUPER_MAGIC")
            .Constant(RemoteFileSystem.V9FS_MAGIC, "V9FS_MAGIC").Constant(RemoteFileSystem.SMB_SUPER_MAGIC, "SMB_SUPER_MAGIC")
            .Constant(RemoteFileSystem.CIFS_SUPER_MAGIC, "CIFS_SUPER_MAGIC").Constant(RemoteFileSystem.SMB2_SUPER_MAGIC, "SMB2_SUPER_MAGIC")
            .Constant(RemoteFileSystem.CEPH_SUPER_MAGIC, "CEPH_SUPER_MAGIC").Constant(RemoteFileSystem.AFS_SUPER_MAGIC, "AFS_SUPER_MAGIC")
            .Constant(RemoteFileSystem.AFS_FS_MAGIC, "AFS_FS_MAGIC").Constant(RemoteFileSystem.CODA_SUPER_MAGIC, "CODA_SUPER_MAGIC")
            .Constant(RemoteFileSystem.NCP_SUPER_MAGIC, "NCP_SUPER_MAGIC").Constant(RemoteFileSystem.OCFS2_SUPER_MAGIC, "OCFS2_SUPER_MAGIC")
            .Complaints());

    [Theory]
    [InlineData(RemoteFileSystem.FUSE_SUPER_MAGIC, "FUSE")]
    [InlineData(RemoteFileSystem.NFS_SUPER_MAGIC, "NFS")]
    [InlineData(RemoteFileSystem.V9FS_MAGIC, "9p")]
    [InlineData(RemoteFileSystem.CIFS_SUPER_MAGIC, "SMB")]
    [InlineData(RemoteFileSystem.SMB2_SUPER_MAGIC, "SMB")]
    public void OtherMachinesAndProcessesAreNamed(uint type, string name)
    {
        Assert.Equal(name, RemoteFileSystem.NameOf((nint)type));
        // Where the field is signed and half as long.
        Assert.Equal(name, RemoteFileSystem.NameOf((int)type));
    }

    [Theory]
    [InlineData(0x01021994)] // tmpfs and memfd
    [InlineData(0x958458f6)] // hugetlbfs
    [InlineData(0xef53)] // ext2 to ext4
    [InlineData(0x58465342)] // xfs
    [InlineData(0x9123683e)] // btrfs
    public void MemoryAndLocalDisksAreNot(uint type) => Assert.Null(RemoteFileSystem.NameOf((nint)type));

    [Fact]
    public void AFileOnADiskIsTaken()
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, new byte[8192]);
            using var file = Open(path);
            using var mapping = MemoryMapping.OfPeerFile(file, 8192);
            Assert.Equal(8192u, (uint)mapping.Length);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void AFileOfAnotherProcessIsRefusedForAPeerAlone()
    {
        using var fuse = new FuseFile();
        using var file = Open(fuse.Path);
        var refusal = Assert.Throws<LinuxException>(() => MemoryMapping.OfPeerFile(file, 4096));
        Assert.Equal(Errno.EOPNOTSUPP, refusal.Errno);
        Assert.StartsWith("mmap of a shared file on FUSE, where an access may wait for ever;", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(0, ProcessResources.MappingsOf(fuse.Path));
        // The kernel itself would map it.
        using (MemoryMapping.OfFile(file, 4096)) Assert.Equal(1, ProcessResources.MappingsOf(fuse.Path));
    }

    private static FileDescriptor Open(string path)
    {
        using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
        var file = new FileDescriptor((int)handle.DangerousGetHandle());
        handle.SetHandleAsInvalid();
        return file;
    }
}
