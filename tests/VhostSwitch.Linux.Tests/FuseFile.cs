using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace VhostSwitch.Linux.Tests;

/// <summary>A regular file whose file system is this process: a FUSE mount with a file as its root, and a thread that answers for it.</summary>
internal sealed unsafe partial class FuseFile : IDisposable
{
    private const int HeaderInLength = 40;
    private const int HeaderOutLength = 16;
    private const int LongestRequest = 1 << 18;
    private const uint MNT_DETACH = 2;
    private const uint S_IFREG = 0x8000;
    private const long Size = 1 << 20;

    private readonly FileDescriptor _device;
    private readonly Thread _thread;
    private bool _mounted;

    /// <summary>Mounts the file; skips the test where that is not allowed.</summary>
    public FuseFile()
    {
        Path = System.IO.Path.GetTempFileName();
        _device = OpenDevice();
        string options = $"fd={_device.Number},rootmode=100644,user_id=0,group_id=0";
        _mounted = mount(Bytes("vhost-switch-test"), Bytes(Path), Bytes("fuse"), 0, Bytes(options)) == 0;
        _thread = new Thread(Serve) { Name = "fuse", IsBackground = true };
        if (_mounted) _thread.Start();
        else Dispose();
        Assert.SkipUnless(_mounted, "this process may not mount");
    }

    public string Path { get; }

    public void Dispose()
    {
        // Ends the thread as well: its next read says that there is no such mount.
        if (_mounted) _ = umount2(Bytes(Path), MNT_DETACH);
        _mounted = false;
        _device.Dispose();
        File.Delete(Path);
    }

    private static FileDescriptor OpenDevice()
    {
        const string Device = "/dev/fuse";
        Assert.SkipUnless(File.Exists(Device), "no FUSE in this kernel");
        int fd = open(Bytes(Device), Libc.O_RDWR | Libc.O_CLOEXEC);
        Assert.SkipWhen(fd < 0, "FUSE is not for this process");
        return new FileDescriptor(fd);
    }

    private void Serve()
    {
        byte[] request = new byte[LongestRequest], answer = new byte[256];
        fixed (byte* from = request, to = answer)
        {
            while (Libc.read(_device.Number, from, LongestRequest) >= HeaderInLength)
            {
                int length = Answer(BinaryPrimitives.ReadUInt32LittleEndian(request.AsSpan(4)), answer);
                if (length == 0) continue;
                BinaryPrimitives.WriteInt32LittleEndian(answer, length);
                request.AsSpan(8, sizeof(ulong)).CopyTo(answer.AsSpan(8));
                _ = Libc.write(_device.Number, to, (nuint)length);
            }
        }
    }

    // The length of the answer, 0 where none is awaited.
    private static int Answer(uint operation, byte[] answer)
    {
        const uint Forget = 2, GetAttributes = 3, Open = 14, FileSystem = 17, Flush = 25, Init = 26, Interrupt = 36;
        const int NotImplemented = -38;
        Array.Clear(answer);
        var body = answer.AsSpan(HeaderOutLength);
        switch (operation)
        {
            case Init:
                BinaryPrimitives.WriteUInt32LittleEndian(body, 7);
                BinaryPrimitives.WriteUInt32LittleEndian(body[4..], 31);
                BinaryPrimitives.WriteUInt32LittleEndian(body[20..], 4096);
                return HeaderOutLength + 64;
            case GetAttributes:
                BinaryPrimitives.WriteUInt64LittleEndian(body[16..], 1);
                BinaryPrimitives.WriteInt64LittleEndian(body[24..], Size);
                BinaryPrimitives.WriteUInt32LittleEndian(body[76..], S_IFREG | 0x1a4);
                BinaryPrimitives.WriteUInt32LittleEndian(body[80..], 1);
                return HeaderOutLength + 104;
            case Open:
                return HeaderOutLength + 16;
            case FileSystem:
                return HeaderOutLength + 80;
            case Flush:
                return HeaderOutLength;
            case Forget or Interrupt:
                return 0;
            default:
                BinaryPrimitives.WriteInt32LittleEndian(answer.AsSpan(4), NotImplemented);
                return HeaderOutLength;
        }
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text + '\0');

    [LibraryImport("libc")] private static partial int open(byte[] path, int flags);
    [LibraryImport("libc")] private static partial int mount(byte[] source, byte[] target, byte[] type, nuint flags, byte[] data);
    [LibraryImport("libc")] private static partial int umount2(byte[] target, uint flags);
}
