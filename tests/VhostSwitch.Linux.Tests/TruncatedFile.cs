using System.Text;

namespace VhostSwitch.Linux.Tests;

/// <summary>A memory file, full of ones, that its owner can make shorter while it is mapped.</summary>
internal sealed unsafe class TruncatedFile : IDisposable
{
    private const uint MFD_HUGETLB = 4;
    private const int MFD_HUGE_SHIFT = 26;

    private TruncatedFile(FileDescriptor file, nuint length, nuint pageSize)
    {
        File = file;
        Length = length;
        PageSize = pageSize;
    }

    public FileDescriptor File { get; }

    public nuint Length { get; }

    public nuint PageSize { get; }

    public static TruncatedFile Create(int pages, string name = "truncated")
    {
        nuint page = (nuint)Environment.SystemPageSize, length = (nuint)pages * page;
        return new TruncatedFile(SharedMemory.CreateUnsealed(name, length), length, page);
    }

    /// <summary>The same of huge pages; skips the test where the system has no such pages at all.</summary>
    public static TruncatedFile CreateHuge(int pages, int pageShift, string name = "truncated")
    {
        int fd;
        fixed (byte* utf8 = Encoding.UTF8.GetBytes(name + '\0'))
            fd = Libc.memfd_create(utf8, Libc.MFD_CLOEXEC | MFD_HUGETLB | ((uint)pageShift << MFD_HUGE_SHIFT));
        Assert.SkipWhen(fd < 0, $"no huge pages of 2^{pageShift} bytes in this system");
        var file = new TruncatedFile(new FileDescriptor(fd), (nuint)pages << pageShift, (nuint)1 << pageShift);
        file.Truncate(pages);
        return file;
    }

    public MemoryMapping MapGuarded() => MemoryMapping.OfPeerFile(File, Length);

    /// <summary>Leaves so many pages.</summary>
    public void Truncate(int pages)
    {
        if (Libc.ftruncate(File.Number, (nint)((nuint)pages * PageSize)) < 0) throw LinuxException.Last("ftruncate");
    }

    public void Dispose() => File.Dispose();
}
