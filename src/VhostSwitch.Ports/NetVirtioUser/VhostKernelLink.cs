using VhostSwitch.Linux;
using VhostSwitch.VirtioUser;

namespace VhostSwitch.Ports.NetVirtioUser;

/// <summary>The kernel's vhost-net as a back-end. An interface that somebody deletes is made anew.</summary>
/// <param name="kernel">Who carries requests out.</param>
/// <param name="arguments">The device's arguments.</param>
/// <param name="setUp">Sets a back-end up.</param>
internal sealed class VhostKernelLink(IDeviceControl kernel, VirtioUserArguments arguments, Action<IBackEnd> setUp) : BackEndLink(setUp)
{
    private VhostKernelBackEnd? _backEnd;
    private string _interface = arguments.Interface ?? "";
    private string _absence = "not open";

    /// <inheritdoc/>
    public override string Endpoint => _interface.Length == 0 ? arguments.Path : _interface;

    /// <inheritdoc/>
    public override string Description => _backEnd is not null ? $"interface {_interface} by {arguments.Path}" : _absence;

    /// <inheritdoc/>
    public override void Open()
    {
        try
        {
            Make();
        }
        catch (LinuxException e)
        {
            throw new PortException(Cannot(e));
        }
        catch (VirtioUserException e)
        {
            throw new PortException(e.Message);
        }
        TellUp();
    }

    /// <inheritdoc/>
    public override void Check()
    {
        if (_backEnd is { } backEnd)
        {
            if (backEnd.Look())
            {
                _interface = backEnd.Interface;
                return;
            }
            _absence = $"gone: the interface {_interface} was deleted";
            _backEnd = null;
            TellDown();
            backEnd.Dispose();
        }
        try
        {
            Make();
        }
        catch (Exception e) when (e is LinuxException or VirtioUserException)
        {
            _absence = $"gone: the interface {_interface} was deleted and cannot be made anew ({e.Message})";
            return;
        }
        TellUp();
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _backEnd?.Stop();
        _backEnd?.Dispose();
        _backEnd = null;
    }

    private void Make()
    {
        var backEnd = new VhostKernelBackEnd(kernel, arguments.Path, _interface, arguments.Mac, arguments.Queues);
        try
        {
            SetUp(backEnd);
        }
        catch
        {
            backEnd.Dispose();
            throw;
        }
        _backEnd = backEnd;
        _interface = backEnd.Interface;
    }

    private string Cannot(LinuxException e) => e.Errno switch
    {
        Errno.EPERM or Errno.EACCES => $"no right to use {arguments.Path} and to make an interface ({e.Message}): run vhost-switch as root, "
            + "or give the program the right by 'setcap cap_net_admin+ep' and its user the device",
        Errno.ENODEV or Errno.ENXIO or Errno.ENOENT =>
            $"the kernel lacks a part ({e.Message}): load its modules by 'modprobe vhost_net' and 'modprobe tun'",
        Errno.EBUSY => $"the interface {_interface} is in use by another program: give iface= another name",
        _ => $"the interface cannot be made: {e.Message}",
    };
}
